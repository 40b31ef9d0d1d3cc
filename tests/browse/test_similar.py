"""Frames like a frame, and like a dropped picture, which stays in memory."""

import html
import io
import re
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.browse.conftest import HEIGHT, HOST, NAMES, WIDTH, colour

from vivi.browse import bodies, opinion


@pytest.fixture
def browser(visit):
    return visit(encoded=True)


def picture(video: int, frame: int, *, kind: str = "PNG", **more) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), colour(video, frame), np.uint8)).save(file, format=kind, **more)
    return file.getvalue()


def hits(page: str) -> list[tuple[int, int]]:
    found = re.search(r'<ol class="hits">.*?</ol>', page, re.DOTALL)
    return [] if found is None else [
        (int(a), int(b)) for a, b in re.findall(r'<li><a href="/video/(\d+)/frame/(\d+)"', found[0])
    ]  # fmt: skip


def test_a_frame_finds_frames_of_its_colour(browser):
    """Colours repeat every seven videos; the first frame of each shot stands for its equals."""
    found = hits(browser.get("/video/3/frame/5").text)
    assert len(found) == 24 and 3 not in {video for video, _ in found}
    assert {video for video, _ in found[:4]} == {10, 17, 24, 31}
    assert all(4 <= frame < 8 for _, frame in found[:4])


def test_a_dropped_picture_finds_its_video(browser):
    answer = browser.post("/similar", files={"picture": ("../../<b>.png", picture(3, 5), "image/png")})
    assert answer.status_code == 303 and re.fullmatch(r"/similar/[0-9a-f]{16}", answer.headers["location"])
    page = browser.get(answer.headers["location"]).text
    assert {video for video, _ in hits(page)[:5]} == {3, 10, 17, 24, 31}
    shown = browser.get(answer.headers["location"] + ".jpg")
    with Image.open(io.BytesIO(shown.content)) as small:
        assert np.abs(np.subtract(small.getpixel((4, 4)), colour(3, 5))).max() < 8
    assert "VIVI &lt;b&gt;&amp;amp;" in page


def test_a_picture_is_turned_upright(browser):
    exif = Image.Exif()
    exif[0x0112] = 6
    answer = browser.post("/similar", files={"p": ("a.jpg", picture(0, 0, kind="JPEG", exif=exif), "x/y")})
    shown = browser.get(answer.headers["location"] + ".jpg")
    with Image.open(io.BytesIO(shown.content)) as small:
        assert small.size == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"", "empty"), (b"<svg>", "not an image"), (picture(0, 0)[:-30], "damaged"), (b"%!PS-Adobe", "not an image")],
)
def test_what_is_no_picture_is_told(browser, data, told):
    answer = browser.post("/similar", files={"p": ("a.png", data, "image/png")})
    assert answer.status_code == 400 and told in answer.text and 'role="alert"' in answer.text


def test_a_bomb_is_refused_by_its_header(browser):
    bomb = bytearray(picture(0, 0))
    bomb[16:24] = (30_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    answer = browser.post("/similar", files={"p": ("a.png", bytes(bomb), "image/png")})
    assert answer.status_code == 400 and "too large" in answer.text


def test_too_much_is_refused_before_it_is_read(browser, monkeypatch):
    monkeypatch.setattr("vivi.browse.changes.PICTURE", 1 << 20)
    assert browser.post("/similar", files={"p": ("a.png", bytes(1 << 20), "image/png")}).status_code == 413

    async def endless():
        while True:
            sent.append(1)
            yield bytes(1 << 16)

    sent: list[int] = []
    answer = browser.post("/similar", content=endless(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 413 and len(sent) < 20
    assert bodies.PICTURE == 32 << 20


@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data", "multipart/form-data; boundary=", ""])
def test_other_bodies(browser, kind):
    assert browser.post("/similar", content=b"--x\r\n\r\n--x--", headers={"content-type": kind}).status_code == 400


def test_only_the_last_pictures_are_remembered(browser, monkeypatch):
    monkeypatch.setattr(opinion, "_DROPPED", 2)
    places = [
        browser.post("/similar", files={"p": ("a.png", picture(video, 0), "image/png")}).headers["location"]
        for video in range(3)
    ]
    assert [browser.get(place).status_code for place in places] == [404, 200, 200]
    assert browser.get(places[0] + ".jpg").status_code == 404


def test_pictures_of_other_sites_are_refused(browser):
    files = {"p": ("a.png", picture(0, 0), "image/png")}
    assert browser("POST", "/similar", files=files, headers={"origin": "http://example.org"}).status_code == 403
    assert browser("POST", "/similar", files=files, headers={"origin": f"http://{HOST}"}).status_code == 303


def test_shots_are_compared(browser):
    page = browser.get("/video/8").text
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", page, re.DOTALL)
    values = [[float(each) for each in re.findall(r'<td class="q\d">([-0-9.]+)</td>', row)] for row in rows]
    assert np.shape(values) == (3, 3)
    assert [values[at][at] for at in range(3)] == [1, 1, 1] and values[0][1] == values[1][0] < 1


def test_every_body_of_a_form_with_a_file():
    content = b"\x00\r\n--\r\n--xy\r\n\xff--x"
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext\r\n--x\r\n'
    body += (
        b'content-disposition: form-data; name="f"; filename="a;b"\r\nContent-Type: a/b\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )
    # a line that only begins like the boundary would end the file: senders choose one that does not occur
    assert bodies.uploaded(body, content_type="multipart/form-data; boundary=x") == content.split(b"\r\n--x")[0]
    body = body.replace(b"--x", b"--0123456789")
    assert (
        bodies.uploaded(body, content_type='Multipart/Form-Data;boundary="0123456789"')
        == content.replace(b"--x", b"--0123456789").split(b"\r\n--0123456789")[0]
    )


def test_names_are_escaped_in_what_is_found(browser):
    page = browser.get("/video/3/frame/5").text
    assert "<script>alert" not in page
    assert html.escape(NAMES[10].rpartition("/")[2]) in page

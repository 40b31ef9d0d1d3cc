"""Frames, thumbnails and films: the right pixels, in the parts that are asked for."""

import io

import av
import numpy as np
import pytest
import simplejpeg
from PIL import Image
from tests.browse.conftest import HEIGHT, LENGTH, WIDTH, colour

from vivi.browse import previews
from vivi.browse.ranges import ranged
from vivi.data.store import ShotStore


@pytest.fixture
def browser(visit):
    return visit()


def test_a_frame_is_the_stored_file(browser, store):
    answer = browser.get("/image/4/9.jpg?digest")
    assert answer.content == ShotStore.open(store).read_frames(4, first=9, count=1)[0]
    assert answer.headers["content-type"] == "image/jpeg" and "private" in answer.headers["cache-control"]


def test_a_thumbnail_is_the_frame_and_small(browser):
    pixels = simplejpeg.decode_jpeg(browser.get("/thumb/4/9.jpg").content)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(pixels.astype(int) - colour(4, 9)).max() < 8


def test_an_mp4_has_the_frames_of_the_shot(browser):
    answer = browser.get("/preview/4/3-5.mp4")
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.content)) as film:
        stream = film.streams.video[0]
        frames = [each.to_ndarray(format="rgb24") for each in film.decode(video=0)]
        assert stream.codec_context.name == "h264" and stream.average_rate == 4
    assert len(frames) == 5
    for number, pixels in enumerate(frames, start=3):
        assert np.abs(pixels.mean((0, 1)) - colour(4, number)).max() < 12


def test_a_webp_has_the_frames_of_the_shot(browser):
    answer = browser.get("/preview/4/3-5.webp")
    assert answer.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(answer.content)) as film:
        assert film.n_frames == 2 and film.size == (WIDTH, HEIGHT)  # equal neighbours are shown once, for longer
        shown = []
        for number in range(2):
            film.seek(number)
            pixel = film.convert("RGB").getpixel((5, 5))
            shown.append((film.info["duration"], pixel))
    assert [duration for duration, _ in shown] == [250, 1000]
    for (_, found), frame in zip(shown, (3, 4), strict=True):
        assert np.abs(np.subtract(found, colour(4, frame))).max() < 12


def test_a_long_shot_is_thinned(visit, monkeypatch):
    monkeypatch.setattr(previews, "MOST", 5)
    with av.open(io.BytesIO(visit().get("/preview/4/0-12.mp4").content)) as film:
        frames = [each.to_ndarray(format="rgb24").mean((0, 1)) for each in film.decode(video=0)]
    assert len(frames) == 4  # 0, 3, 6, 9
    for found, frame in zip(frames, (0, 3, 6, 9), strict=True):
        assert np.abs(found - colour(4, frame)).max() < 12


def test_a_film_comes_in_parts(browser):
    whole = browser.get(f"/preview/4/0-{LENGTH}.mp4")
    assert whole.status_code == 200 and whole.headers["accept-ranges"] == "bytes"
    parts = [
        browser.get(f"/preview/4/0-{LENGTH}.mp4", headers={"range": each}) for each in ("bytes=0-99", "bytes=100-")
    ]
    assert [each.status_code for each in parts] == [206, 206]
    assert parts[0].content + parts[1].content == whole.content
    size = len(whole.content)
    assert [each.headers["content-range"] for each in parts] == [f"bytes 0-99/{size}", f"bytes 100-{size - 1}/{size}"]
    head = browser("HEAD", f"/preview/4/0-{LENGTH}.mp4")
    assert head.status_code == 200 and head.content == b"" and head.headers["content-length"] == str(size)


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        (None, 200, b"0123456789"),
        ("bytes=0-0", 206, b"0"),
        ("bytes=3-5", 206, b"345"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-30", 206, b"0123456789"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, b""),
        ("bytes=99-100", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=5-3", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("items=0-1", 200, b"0123456789"),
        ("bytes=1e3-", 200, b"0123456789"),
        ("bytes=" + "9" * 30 + "-", 200, b"0123456789"),
    ],
)
def test_ranges(asked, status, body):
    answer = ranged(b"0123456789", media_type="video/mp4", asked=asked)
    assert (answer.status_code, answer.body) == (status, body)
    assert ("content-range" in answer.headers) == (status != 200)


def test_a_range_of_nothing():
    assert ranged(b"", media_type="video/mp4", asked="bytes=0-").status_code == 416

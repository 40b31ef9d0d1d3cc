"""What the pages show, with names that want to be markup."""

import html
import re

import pytest
from tests.browse.conftest import HOSTILE, LENGTH, NAMES, PLAIN, write_store

from vivi.browse import strips
from vivi.video.cuts import read_cuts


def links(page: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'<a [^>]*?href="([^"]*)"', page)]


def videos_of(page: str) -> list[int]:
    return [int(each.removeprefix("/video/")) for each in links(page) if re.fullmatch(r"/video/\d+", each)]


@pytest.fixture
def browser(visit):
    return visit()


def test_the_list_has_pages(browser):
    first = browser.get("/").text
    assert "<h1>34 videos</h1>" in first
    assert videos_of(first) == list(range(24))
    assert "/?page=2" in links(first) and "/?page=0" not in links(first)
    assert videos_of(browser.get("/?page=2").text) == list(range(24, 34))
    for text in ("99", "-3", "x", "1e9", "\u0662", ""):
        assert browser.get(f"/?page={text}").status_code == 200
    assert videos_of(browser.get("/?page=99").text) == list(range(24, 34))


def test_the_list_is_searched(browser):
    page = browser.get("/", params={"q": "FILM 1"}).text
    assert videos_of(page) == [NAMES.index(name) for name in PLAIN if "1" in name]
    assert 'value="FILM 1"' in page
    nothing = browser.get("/", params={"q": "</title><script>"}).text
    assert "0 videos with" in nothing and "</title><script>" not in nothing
    later = browser.get("/", params={"q": "film", "page": 2, "order": "shots"}).text
    assert "/?q=film&order=shots&page=1" in links(later)


@pytest.mark.parametrize("path", ["/", *(f"/video/{number}" for number in range(4)), "/video/0/frame/0"])
def test_hostile_names_are_text(browser, path):
    page = browser.get(path).text
    assert "<script>alert" not in page and 'onload="b' not in page
    assert "\u202e" not in page and "line\nbreak" not in page
    assert page.count("<script") == 1 and '<script src="/static/browse.js" defer>' in page
    assert not re.search(r"<[^>]* (?:style|on[a-z]+)=", page)


def test_hostile_names_are_shown(browser):
    page = browser.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/" in page and "right\\u202eto left.mp4" in page and "line\\nbreak.mp4" in page


def test_a_video_shows_its_shots(browser):
    page = browser.get("/video/4").text
    assert 'id="frame-11"' in page and 'id="frame-12"' not in page
    assert page.count('<section class="shot"') == 3
    assert f"/preview/4/{LENGTH}-{LENGTH}.mp4" in links(page)
    assert 'data-store="4 8"' in page and 'data-cuts="4 8"' in page
    assert 'aria-label="Shot 3"' in page and "8\u00a0s to 12\u00a0s, 4 frames" in page
    assert 'type="checkbox"' not in page and "Save" not in page
    assert "The store was cut at 0.4" in page


def test_the_threshold_moves_cuts_without_a_script(browser):
    """The last shot of video 1 begins a frame late: what the store says of it is wrong."""
    page = browser.get("/video/1?threshold=0.5").text
    assert 'data-cuts="4 9"' in page and 'data-origin="threshold"' in page
    assert re.search(r'key kept">1 as.*key new">1 new.*key gone">1 taken', page)
    assert 'id="frame-9" data-frame="9" class="new"' in page and 'id="frame-8" data-frame="8" class="gone"' in page
    assert 'data-cuts=""' in browser.get("/video/1?threshold=1").text
    for text in ("2", "-1", "nan", "inf", "x", "", "1e400"):
        assert 'data-cuts="4 8"' in browser.get(f"/video/1?threshold={text}").text
    assert 'data-cuts="4 8"' in browser.get("/video/1?threshold=0.5&show=store").text
    assert 'data-cuts="4 8"' in browser.get("/video/1?show=corrected").text


def test_cuts_are_saved_only_where_asked_for(browser, tmp_path):
    answer = browser.post("/video/1/cuts", data={"cut": "9"})
    assert answer.status_code == 403 and "read only" in answer.text


def test_cuts_are_saved(visit, tmp_path):
    file = tmp_path / "cuts.csv"
    browser = visit(edit=file)
    page = browser.get("/video/1?threshold=0.5").text
    checked = re.findall(r'name="cut" value="(\d+)" checked', page)
    assert checked == ["4", "9"] and page.count('name="cut"') == 11
    answer = browser.post("/video/1/cuts", data={"cut": checked, "elsewhere": "", "action": "save"})
    assert answer.status_code == 303 and answer.headers["location"] == "/video/1?done=saved"
    assert read_cuts(file) == {HOSTILE[1]: (4.0, 9.0)}
    after = browser.get("/video/1?done=saved").text
    assert 'data-cuts="4 9"' in after and 'data-saved="4 9"' in after and "are saved" in after
    assert "corrected" in browser.get("/").text
    browser.post("/video/2/cuts", data={})
    assert read_cuts(file) == {HOSTILE[1]: (4.0, 9.0), HOSTILE[2]: ()}
    assert browser.post("/video/1/cuts", data={"action": "forget"}).headers["location"] == "/video/1?done=forgotten"
    assert read_cuts(file) == {HOSTILE[2]: ()}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cuts.csv"]


@pytest.mark.parametrize("cut", ["0", "12", "-1", "1.5", "x", "9" * 30, "0" * 15 + "19", "\u0662", "1;2"])
def test_cuts_that_are_none_are_refused(visit, tmp_path, cut):
    browser = visit(edit=tmp_path / "cuts.csv")
    assert browser.post("/video/1/cuts", data={"cut": ["3", cut]}).status_code == 400
    assert browser.post("/video/1/cuts", data={"elsewhere": f"3,{cut}"}).status_code == 400
    assert not (tmp_path / "cuts.csv").exists()


def test_other_videos_cannot_be_saved(visit, tmp_path):
    browser = visit(edit=tmp_path / "cuts.csv")
    assert browser.post("/video/34/cuts", data={"cut": "3"}).status_code == 404
    assert browser.post("/video/1/cuts", content=b"\xff\xfe").status_code == 400
    assert browser.post("/video/1/cuts", content=b"x" * (1 << 20) + b"y").status_code == 413
    assert browser.get("/video/1/cuts").status_code == 405
    assert not (tmp_path / "cuts.csv").exists()


def test_a_long_video_is_shown_in_parts(visit, tmp_path, monkeypatch):
    monkeypatch.setattr(strips, "PART", 5)
    browser = visit(edit=tmp_path / "cuts.csv")
    page = browser.get("/video/4?part=2").text
    assert [int(each) for each in re.findall(r'id="frame-(\d+)"', page)] == [5, 6, 7, 8, 9]
    assert 'id="elsewhere" value="4"' in page
    browser.post("/video/4/cuts", data={"cut": ["6", "8"], "elsewhere": "4,11", "part": "2"})
    assert read_cuts(tmp_path / "cuts.csv") == {PLAIN[0]: (4.0, 6.0, 8.0, 11.0)}


def test_damage_is_told_in_one_sentence(visit, tmp_path):
    store = write_store(tmp_path / "store", PLAIN[:2])
    browser = visit(folder=store)
    shard = store / "shards" / "shard-000000.tar"
    data = bytearray(shard.read_bytes())
    at = data.index(b"\xff\xd8\xff")
    data[at + 30] ^= 255
    shard.write_bytes(data)
    answer = browser.get("/thumb/0/0.jpg")
    assert answer.status_code == 500 and "does not match its checksum" in answer.text
    assert browser.get("/thumb/1/0.jpg").status_code == 200
    assert "Traceback" not in browser.get("/video/0").text


def test_an_empty_search_page_and_help(browser):
    assert "--encoder" in browser.get("/similar").text
    assert "--encoder" in browser.get("/video/0/frame/3").text
    page = browser.get("/").text
    assert 'href="#main"' in page and '<label class="hidden" for="q">' in page and 'lang="en"' in page

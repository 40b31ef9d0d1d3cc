"""The browser in a real headless Chromium whose names lead nowhere: nothing leaves this machine, everything works."""
# ruff: noqa: F811

import pytest
from tests.browse.conftest import HOSTILE
from tests.reference.chromium import Watched, chromium, cuts, folders, running, site, watched  # noqa: F401 (fixtures)

from vivi.browse.cuts import cuts_over
from vivi.video.cuts import read_cuts

pytestmark = pytest.mark.extras


def test_the_token_leaves_the_address(watched, site):
    assert watched.page.url == watched.origin + "/"
    assert watched.page.evaluate("document.cookie") == ""


def test_every_page_stays_here_and_fits_a_telephone(watched, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"")
    for width in (1280, 390):
        watched.page.set_viewport_size({"width": width, "height": 900})
        for path in ("/", "/?q=film&order=shots", "/video/0", "/video/1?threshold=0.5", "/video/2/frame/5", "/similar"):
            page = watched.go(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert page.locator("h1").count() == 1
            assert page.locator("img:not([alt])").count() == 0
            bare = (
                "[...document.querySelectorAll('input:not([type=hidden])')].filter(each => !each.labels.length).length"
            )
            assert page.evaluate(bare) == 0, path


def test_hostile_names_are_text(watched):
    page = watched.go("/")
    assert page.locator("bdi", has_text="<script>alert(1)</").count() == 1
    assert page.locator("script").count() == 1 and page.locator("[onload]").count() == 0
    for number, text in enumerate(["script>.mp4", 'a" onload="b.mp4', "line\\nbreak.mp4", "right\\u202eto left.mp4"]):
        assert text in watched.go(f"/video/{number}").locator("h1").inner_text()
    assert page.evaluate("getComputedStyle(document.querySelector('h1 bdi')).unicodeBidi") == "isolate"


def test_cuts_move_while_the_threshold_is_dragged(watched):
    page = watched.go("/video/1")
    assert watched.shots() == 3
    box = page.locator("#threshold").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], middle, steps=3)
    watched.until("document.querySelector('#new').getAttribute('d') === 'M9 0v10'")
    assert page.locator("#gone").get_attribute("d") == "M8 0v10" and watched.shots() == 3
    page.mouse.move(box["x"] + box["width"] + 40, middle, steps=3)
    page.mouse.up()
    watched.until("document.querySelectorAll('.shot').length === 1")
    assert page.locator("#tally").inner_text().split(".")[0] == "1 shot"
    assert page.locator("#strips li").count() == 12
    page.locator("input[name=show][value=store]").check()
    watched.until("document.querySelectorAll('.shot').length === 3")
    assert [each.get_attribute("data-frame") for each in page.locator(".shot li:first-child").all()] == ["0", "4", "8"]


def test_the_script_cuts_as_python_does(watched):
    import numpy as np

    distances = np.random.default_rng(3).random(60).round(4).tolist()
    for least in (1, 3):
        for threshold in (0, 0.25, 0.5, 0.73, 1):
            found = watched.page.evaluate("([a, b, c]) => cutsOver(a, b, c)", [distances, threshold, least])
            assert found == cuts_over(distances, threshold=threshold, min_frames=least)


def test_marks_are_saved(watched, cuts):
    page = watched.go("/video/0")
    page.locator("#frame-2 input").check()
    page.locator("#frame-8 input").focus()
    page.keyboard.press("Space")
    assert watched.shots() == 3
    assert page.evaluate("document.activeElement.value") == "8", "the mark keeps the focus when the shots are made anew"
    assert "2 cuts differ" in page.locator("#unsaved").inner_text()
    assert page.locator("#frame-2").get_attribute("class") == "new"
    assert page.locator("#frame-8").get_attribute("class") == "gone"
    page.get_by_role("button", name="Save these cuts").click()
    page.wait_for_url("**/video/0?done=saved")
    assert read_cuts(cuts) == {HOSTILE[0]: (2.0, 4.0)}
    assert watched.shots() == 3 and "the same as what is saved" in page.locator("#unsaved").inner_text()
    page.locator("input[name=show][value=store]").check()
    watched.until("document.querySelector('#frame-8').closest('.shot').ariaLabel === 'Shot 3'")
    page.get_by_role("button", name="Forget").click()
    page.wait_for_url("**/video/0?done=forgotten")
    assert read_cuts(cuts) == {}


def test_marks_stay_when_the_threshold_moves(watched, cuts):
    page = watched.go("/video/1")
    page.locator("#frame-2 input").check()
    page.locator("#threshold").focus()
    page.keyboard.press("End")
    watched.until("document.querySelectorAll('.shot').length === 2")
    page.get_by_role("button", name="Save these cuts").click()
    page.wait_for_url("**/video/1?done=saved")
    assert read_cuts(cuts) == {HOSTILE[1]: (2.0,)}


def test_keys(watched):
    page = watched.go("/video/4")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    where = "document.activeElement.ariaLabel"
    for key, shot in [("j", 1), ("j", 2), ("ArrowRight", 3), ("j", 3), ("k", 2), ("ArrowLeft", 1)]:
        page.keyboard.press(key)
        assert page.evaluate(where) == f"Shot {shot}", key
    page.keyboard.press("p")
    watched.until("document.querySelector('video').videoWidth === 48")
    assert page.locator("#playing").inner_text() == "Shot 1"
    page.locator("#close").click()
    assert page.evaluate(where) == "Shot 1" and not page.locator("#player").is_visible()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("film 0/j")
    assert page.locator("#q").input_value() == "film 0/j"
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=film+0%2Fj")
    page = watched.go("/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/video/1")


def test_a_picture_is_searched(watched, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 48), (43, 193, 63)).save(tmp_path / "green.png")
    page = watched.go("/similar")
    page.locator("#picture").set_input_files(tmp_path / "green.png")
    page.get_by_role("button", name="Find").click()
    page.wait_for_url("**/similar/*")
    assert (
        page.locator(".hits li").count() == 24 and page.locator("img.asked").evaluate("each => each.naturalWidth") == 64
    )
    page = watched.go("/similar")
    drop = """async () => {
        const canvas = new OffscreenCanvas(40, 30);
        canvas.getContext("2d").fillRect(0, 0, 40, 30);
        const given = new DataTransfer();
        given.items.add(new File([await canvas.convertToBlob()], "<b>.png", { type: "image/png" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(drop)
    page.wait_for_url("**/similar/*")
    assert page.locator("img.asked").evaluate("each => each.naturalWidth") == 40
    page.locator(".hits a").first.click()
    page.wait_for_url("**/frame/*")


def test_all_of_it_works_without_a_script(chromium, site, cuts):
    watched = Watched(chromium, site, java_script_enabled=False)
    page = watched.go("/video/1")
    page.locator("input[name=show][value=threshold]").check()
    page.get_by_role("button", name="Show").click()
    assert [each.get_attribute("data-frame") for each in page.locator(".shot li:first-child").all()] == ["0", "4", "9"]
    page.locator("#frame-2 input").check()
    page.get_by_role("button", name="Save these cuts").click()
    assert read_cuts(cuts) == {HOSTILE[1]: (2.0, 4.0, 9.0)}
    page.locator("#q").fill("film 07")
    page.get_by_role("button", name="Search").click()
    assert page.locator(".card").count() == 1
    watched.context.close()
    assert watched.complaints == []

import json
import re
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from tests.reference.html_page import Reader

from vivi.core.errors import ViviError
from vivi.data.store.format import Skip
from vivi.report.page import collect, write_report

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)> & $x_{1$ \u202e'


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "images"
    for split in ("train", "test"):
        for label in ("star", "ring"):
            (root / split / label).mkdir(parents=True)
            (root / split / label / "0.jpg").write_bytes(simplejpeg.encode_jpeg(np.zeros((20, 30, 3), np.uint8)))
    return root


def everything(make_store, make_run, make_scores, images, *, name="VIVI-Ex(4)", video="a/clip 1.mp4", task="what"):
    neighbours = [
        {"query": "test/star/0.jpg", "class": "star", "nearest": ["train/star/0.jpg", "train/ring/0.jpg"],
         "nearest_classes": ["star", "ring"]}
    ]  # fmt: skip
    results = [("knn", "trained", 70, 100, (0.6, 0.79)), ("knn", "random", 30, 100, (0.21, 0.4))]
    cuts = images.parent / "cuts.csv"
    quoted = video.replace('"', '""')
    cuts.write_text(f'path,seconds\n"{quoted}",3.0\n"{quoted}",5.5\n')
    return {
        "store": make_store({video: (6, 4, 8), "b/other.mkv": (9,)}, skipped=[Skip(name, "empty", "no bytes", 0)]),
        "cuts": cuts,
        "runs": [
            make_run(name, parts=("frame/exemplar", f"video/{task}"), folder="r1"),
            make_run("Ex-YT-S", folder="r2"),
        ],
        "scores": [make_scores(name, results, data=images, neighbours=neighbours, task=task)],
        "commands": [f"vivi ingest '{name}'"],
        "notes": [name],
    }


def test_the_page_is_whole_and_asks_for_nothing(tmp_path, make_store, make_run, make_scores, images):
    parts = everything(make_store, make_run, make_scores, images)
    path = write_report(tmp_path / "deep" / "report.html", title="A report", **parts)
    text = path.read_text()
    page = Reader(text)
    addresses = [
        value for _, name, value in page.attributes if name in ("src", "href", "action", "data", "srcset", "xlink:href")
    ]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert not re.search(r"https?:", text)
    assert not re.search(r"@import|url\((?!#)", text)
    assert not {"script", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(tmp_path, make_store, make_run, make_scores, images):
    parts = everything(make_store, make_run, make_scores, images)
    text = write_report(tmp_path / "report.html", title="A report", **parts).read_text()
    page = Reader(text)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    used = [value[1:] for _, name, value in page.attributes if name == "href" and value.startswith("#")]
    used += re.findall(r"url\(#([^)]+)\)", text)
    assert used
    assert set(used) <= set(ids)


def test_every_picture_has_a_text(tmp_path, make_store, make_run, make_scores, images):
    parts = everything(make_store, make_run, make_scores, images)
    page = Reader(write_report(tmp_path / "report.html", title="A report", **parts).read_text())
    pictures = page.tags.count("img")
    assert pictures >= 3 + 3 * 3
    assert len([value for tag, name, value in page.attributes if (tag, name) == ("img", "alt") and value]) == pictures
    assert page.tags.count("svg") == len(
        [1 for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    )


def test_the_same_inputs_give_the_same_bytes(tmp_path, make_store, make_run, make_scores, images):
    parts = everything(make_store, make_run, make_scores, images)
    one, two = (write_report(tmp_path / name, title="A report", **parts).read_bytes() for name in ("1.html", "2.html"))
    assert one == two


def test_names_from_files_are_shown_and_never_obeyed(tmp_path, make_store, make_run, make_scores, images):
    parts = everything(
        make_store, make_run, make_scores, images, name=HOSTILE, video=HOSTILE.replace("/", "_"), task=HOSTILE
    )
    text = write_report(tmp_path / "report.html", title=HOSTILE, **parts).read_text()
    page = Reader(text)
    assert "script" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "alert(1)" in "".join(page.text)


def test_a_classifiers_scores_and_what_is_missing_are_shown(tmp_path, make_scores):
    named = [("knn", "trained", 70, 100, (0.6, 0.79)), ("top-1", "trained", 41, 100, (0.31, 0.52)),
             ("top-5", "trained", 83, 100, (0.74, 0.9))]  # fmt: skip
    paths = [
        make_scores("Co", named, guessing={"top-5": 0.625}),
        make_scores("Sup", named[:1], remarks=[f"No top-1: {HOSTILE}"]),
    ]
    report = write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[], scores=paths)
    page = Reader(report.read_text())
    words = " ".join("".join(page.text).split())
    for told in ("41.0", "31.0 to 52.0", "83.0", "62.5", "(top-5: the five)", "classifier that was trained with"):
        assert told in words
    assert "Sup, what: No top-1: <script>alert(1)" in words and "script" not in page.tags


def test_without_a_classifier_the_page_says_nothing_of_one(tmp_path, make_scores):
    scores = make_scores("A", [("knn", "trained", 70, 100, (0.6, 0.79))])
    report = write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[], scores=[scores])
    text = "".join(Reader(report.read_text()).text)
    assert "top-" not in text and "classifier" not in text


def test_shots_are_compared_with_the_true_cuts(tmp_path, make_store, make_run, make_scores, images):
    parts = everything(make_store, make_run, make_scores, images)
    words = "|".join(Reader(write_report(tmp_path / "r.html", title="t", **parts).read_text()).text)
    # found at 3 s and 5 s (2 frames a second), true at 3 s and 5.5 s, one frame off is right
    numbers = re.findall(r"[\d.]+", words.split("F1", 1)[1])
    assert numbers[:6] == ["2", "2", "2", "1.000", "1.000", "1.000"]


@pytest.mark.parametrize(("seconds", "told"), [("9.0", "missed cut"), ("1.0", "missed cut")])
def test_a_missed_cut_is_told(tmp_path, make_store, seconds, told):
    cuts = tmp_path / "cuts.csv"
    cuts.write_text(f"path,seconds\nv.mp4,{seconds}\n")
    store = make_store({"v.mp4": (6, 20)})
    text = write_report(tmp_path / "r.html", title="t", store=store, cuts=cuts, runs=[], scores=[]).read_text()
    assert text.count(told) >= 1
    assert "2 mistakes" in text


def test_a_page_about_nothing_is_refused(tmp_path):
    with pytest.raises(ViviError, match="nothing to report"):
        write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[], scores=[])


def test_a_run_of_another_version_is_refused(tmp_path, make_run):
    run = make_run("A")
    record = json.loads((run / "experiment.json").read_text())
    (run / "experiment.json").write_text(json.dumps(record | {"version": 2}))
    with pytest.raises(ViviError, match="not a run folder of this version"):
        write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[run], scores=[])


def test_unfinished_runs_and_runs_without_a_log_are_shown(tmp_path, make_run):
    run = make_run("A", steps=0)
    (run / "done.json").unlink()
    text = write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[run], scores=[]).read_text()
    assert "not finished" in text
    assert "No losses were logged" in text


def test_values_that_are_not_finite_do_not_stop_the_page(tmp_path, make_run):
    run = make_run("A")
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 60, "loss": NaN, "frame/exemplar": Infinity}\n')
    text = write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[run], scores=[]).read_text()
    assert "<svg" in text


def test_pictures_outside_the_data_folder_are_not_read(tmp_path, make_scores, images):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(simplejpeg.encode_jpeg(np.full((8, 8, 3), 77, np.uint8)))
    neighbours = [{"query": "../secret.jpg", "class": "", "nearest": [str(secret)], "nearest_classes": [""]}]
    scores = make_scores("A", [("knn", "trained", 70, 100, (0.6, 0.79))], data=images, neighbours=neighbours)
    page = Reader(
        write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[], scores=[scores]).read_text()
    )
    assert "img" not in page.tags


def test_cuts_of_other_videos_are_an_error(tmp_path, make_store):
    cuts = tmp_path / "cuts.csv"
    cuts.write_text("path,seconds\nother.mp4,1\n")
    with pytest.raises(ViviError, match="names no video"):
        write_report(tmp_path / "r.html", title="t", store=make_store({"v.mp4": (6,)}), cuts=cuts, runs=[], scores=[])


def test_runs_of_one_name_are_told_apart(tmp_path, make_run):
    runs = [make_run("Ex", folder="one"), make_run("Ex", folder="two"), make_run("Co", folder="three")]
    report = write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=runs, scores=[])
    shown = [text.strip() for text in Reader(report.read_text()).text]
    for name in ("Ex [one]", "Ex [two]", "Co"):
        assert shown.count(name) == 2, "in the key and in the table"
        assert f"All settings of {name}" in shown
    assert "Ex" not in shown


def test_every_evaluation_is_shown_with_what_it_was_asked(tmp_path, make_scores):
    def scores(right, train, interval):
        neighbours = [{"query": "a.jpg", "class": "x", "nearest": ["b.jpg"], "nearest_classes": ["x"]}]
        return make_scores(
            "A", [("knn", "trained", right, 100, interval)], changes={"data": {"train": train}}, neighbours=neighbours,
            remarks=["No top-1: why"],
        )  # fmt: skip

    paths = [scores(70, 1000, (0.6, 0.79)), scores(31, 5, (0.21, 0.42))]
    report = write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[], scores=paths)
    words = "|".join(filter(None, map(str.strip, Reader(report.read_text()).text)))
    full, few = (f"what [{train} training and 100 test images]" for train in (1000, 5))
    assert "|70.0|60.0 to 79.0|31.0|21.0 to 42.0|" in words
    asked = words.split("What was asked.", 1)[1]
    assert f"|{full}|4|1\N{THIN SPACE}000|100|" in asked and f"|{few}|4|5|100|" in asked
    assert f"A, {few}: No top-1: why." in asked
    assert words.split("not chosen.", 1)[1].count(few) == 1


def test_long_names_of_a_figure_keep_their_ends(tmp_path, make_scores):
    paths = [
        make_scores("VIVI-Ex(4)-Tiny-and-more*", [("knn", "trained", 70, 100, (0.6, 0.79))], encoder_path=path)
        for path in ("/runs/1/encoder", "/runs/2/encoder")
    ]
    report = write_report(tmp_path / "r.html", title="t", store=None, cuts=None, runs=[], scores=paths)
    figure = report.read_text().split('<div class="figure">', 1)[1].split("</div>", 1)[0]
    ticks = {text.strip() for text in Reader(figure).text if text.startswith("VIVI")}
    assert len(ticks) == 2 and all(len(tick) <= 28 for tick in ticks)


def test_score_files_of_any_name_are_found_by_what_they_say(tmp_path, make_scores):
    scores = make_scores("A", [("knn", "trained", 70, 100, (0.6, 0.79))], name="what.json")
    folder = scores.parent
    for name, text in {
        "sweep.json": '{"format": "vivi-sweep", "scores": "vivi-scores"}', "list.json": '["vivi-scores"]',
        "broken.json": '{"format": "vivi-scores"', ".tmp-1-what.json": scores.read_text(), "what.txt": "{}",
        "deep.json": '"vivi-scores"' + "[" * 100_000,
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    (folder / "folder.json").mkdir()
    (folder / "folder.json" / "below.json").write_text(scores.read_text())
    assert collect([folder]) == ((), (scores,))


def test_a_file_that_is_too_large_is_not_looked_into(tmp_path, make_scores):
    scores = make_scores("A", [("knn", "trained", 70, 100, (0.6, 0.79))], name="what.json")
    with scores.open("a") as file:
        file.write(" " * (16 << 20))
    with pytest.raises(ViviError, match="holds no run"):
        collect([scores.parent])


def test_a_run_is_not_taken_for_scores(make_run):
    run = make_run("A")
    assert collect([run]) == ((run,), ())


def test_collect_finds_runs_and_scores_once(tmp_path, make_run, make_scores):
    run, scores = make_run("A"), make_scores("A", [("knn", "trained", 70, 100, (0.6, 0.79))])
    found = collect([tmp_path, run, scores])
    assert found == ((run,), (scores,))


def test_collect_refuses_what_holds_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, told in (
        (tmp_path / "empty", r"nothing to report.*experiment\.json.*scores.*\.json"),
        (Path("/no/such"), "does not exist"),
    ):
        with pytest.raises(ViviError, match=told):
            collect([path])

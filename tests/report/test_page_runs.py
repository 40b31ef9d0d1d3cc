"""What the page says of runs: whose their values are, what they differ in, how they go, their spectrum and mistakes."""

import json
import re

from tests.report.test_page import HOSTILE, Reader, images  # noqa: F401

from vivi.core.config import dump, fingerprint, override
from vivi.presets import find, tiny
from vivi.report.page import write_report
from vivi.report.runs import read_run
from vivi.report.settings import differences_of, explained_settings


def run_of(make_run, experiment, *, folder):
    """A made-up run with the settings of a real experiment."""
    path = make_run(experiment.name, folder=folder)
    record = json.loads((path / "experiment.json").read_text())
    record |= {"experiment": dump(experiment), "fingerprint": fingerprint(experiment)}
    (path / "experiment.json").write_text(json.dumps(record))
    return path


def page_of(tmp_path, **given):
    parts = {"store": None, "cuts": None, "runs": [], "scores": []} | given
    return write_report(tmp_path / "r.html", title="t", **parts).read_text()


def rows_of(text):
    return [re.sub(r"(<[^>]+>)+", "|", row) for row in re.findall(r"<tr.*?</tr>", text, re.DOTALL)]


def test_whose_values_are_is_counted_and_listed(tmp_path, make_run):
    changed = override(find("VIVI-Ex(4)"), ["optimiser.learning_rate=0.123"])
    run = read_run(run_of(make_run, changed, folder="one"))
    settings = explained_settings(run)
    assert sum(settings.counts.values()) == len(settings.values) > 30
    assert settings.counts["changed by you"] == len([each for each in settings.values if each.whose == "yours"]) >= 1
    rows = rows_of(page_of(tmp_path, runs=[run.path]))
    assert any(row.startswith("|optimiser.learning_rate|0.123|changed by you|") for row in rows)
    assert any(row.startswith("|sampling.shots|4|the paper's|".replace("'", "&#39;")) for row in rows)


def test_a_run_that_is_no_preset_shows_its_settings_alone(tmp_path, make_run):
    run = make_run("my own", folder="one")
    assert explained_settings(read_run(run)) is None
    text = page_of(tmp_path, runs=[run])
    assert "All settings of my own" in text and "Whose the values" not in text


def test_runs_differ_in_what_they_differ_in(tmp_path, make_run):
    one = run_of(make_run, tiny(find("VIVI-Ex(4)")), folder="one")
    two = run_of(make_run, override(tiny(find("VIVI-Ex(4)")), ["seed=7"]), folder="two")
    (found,) = differences_of([read_run(one), read_run(two)])
    assert (found.path, found.values) == ("seed", ("0", "7"))
    assert differences_of([read_run(one)]) == ()
    three = run_of(make_run, tiny(find("VIVI-Ex(2)")), folder="three")
    paths = {each.path: each.values for each in differences_of([read_run(one), read_run(three)])}
    assert paths["sampling.shots"] == ("4", "2")
    assert any("" in values for values in paths.values()), "one has values that the other has not"
    assert "|seed|0|7|" in rows_of(page_of(tmp_path, runs=[one, two]))


def test_the_pace_is_drawn_from_what_was_logged(tmp_path, make_run):
    text = page_of(tmp_path, runs=[make_run("Ex", folder="one")])
    labels = [value for tag, name, value in Reader(text).attributes if (tag, name) == ("svg", "aria-label")]
    assert "Curves over the training steps: Frames a second, Share of time waiting for data" in labels


def test_the_spectrum_is_drawn_where_a_run_has_one(tmp_path, make_run):
    run = make_run("Ex", folder="one")
    assert "principal axes" not in page_of(tmp_path, runs=[run])
    (run / "spectrum.json").write_text(json.dumps({"step": 10, "shares": [0.5, 0.3, 0.2, 0.0]}))
    assert read_run(run).spectrum == (0.5, 0.3, 0.2, 0.0)
    assert "principal axes" in page_of(tmp_path, runs=[run])


def test_mistakes_are_shown_with_what_they_were_taken_for(tmp_path, make_scores, images):  # noqa: F811
    path = make_scores("A", [("logistic", "trained", 70, 100, (0.6, 0.79))], data=images)
    assert "Mistakes" not in page_of(tmp_path, scores=[path])
    record = json.loads(path.read_text())
    record["mistakes"] = {
        "probe": "logistic", "wrong": 30,
        "shown": [
            {"path": "test/star/0.jpg", "class": "star", "predicted": HOSTILE},
            {"path": "../../etc/passwd", "class": "ring", "predicted": "star"},
        ],
        "confused": [{"class": "star", "predicted": HOSTILE, "count": 21}],
    }  # fmt: skip
    path.write_text(json.dumps(record))
    text = page_of(tmp_path, scores=[path])
    page = Reader(text)
    assert "script" not in page.tags and "<script" not in text
    words = " ".join(" ".join(page.text).split())
    assert "logistic: 30 of 100 wrong" in words and f"star taken for {' '.join(HOSTILE.split())} (21)" in words
    assert page.tags.count("img") == 1, "a path that leads elsewhere is not followed"

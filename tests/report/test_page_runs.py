"""What the page says of runs: whose their values are, what they differ in, how they go, their spectrum and mistakes."""

import dataclasses
import json
import re
from statistics import fmean

import pytest
from tests.report.test_page import HOSTILE, Reader, images  # noqa: F401

from vivi.core.config import dump, fingerprint, override
from vivi.core.errors import ViviError
from vivi.core.visible import visible
from vivi.presets import find, tiny
from vivi.report.figures import inlined, loss_figure, moving_mean
from vivi.report.page import write_report
from vivi.report.runs import Curve, read_run
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
    assert "logistic: 30 of 100 wrong" in words and f"star taken for {' '.join(visible(HOSTILE).split())} (21)" in words
    assert page.tags.count("img") == 1, "a path that leads elsewhere is not followed"


@pytest.mark.parametrize(
    "line",
    [
        "[1, 2]", "1", "null", '{"loss": 1.0}', '{"step": 20, "loss": "low"}', '{"step": 20, "loss": null}',
        '{"step": 1e300, "loss": 1}', '{"step": NaN, "loss": 1}', '{"step": -1, "loss": 1}', "", "\x00\x00",
        '{"step": 20,', '{"step": 20, "loss": 1' + "0" * 400 + "}",
        '{"step": 1' + "0" * 5000 + "}", "[" * 100_000, "\udcff",
    ],
)  # fmt: skip
def test_a_damaged_line_of_a_log_is_named(make_run, line):
    run = make_run("VIVI-Ex(4)")
    whole = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(whole + line.encode("utf-8", "surrogateescape") + b"\n" + whole)
    number = whole.count(b"\n") + 1
    with pytest.raises(ViviError, match=rf"metrics.jsonl, line {number} is damaged") as caught:
        read_run(run)
    assert "\n" not in str(caught.value)


def test_a_line_that_is_being_written_and_a_loss_that_is_not_finite_are_no_damage(make_run, tmp_path):
    run = make_run("VIVI-Ex(4)")
    lines = len(read_run(run).lines)
    with (run / "metrics.jsonl").open("a") as log:
        log.write('{"step": 900, "loss": NaN, "frame/exemplar": Infinity}\n{"step": 910, "lo')
    assert len(read_run(run).lines) == lines + 1
    assert "nan" in page_of(tmp_path, runs=[run])


@pytest.mark.parametrize(("count", "points"), [(40, 4), (999, 99), (1001, 100), (25_000, 2500)])
def test_a_moving_mean_is_the_slow_one(count, points):
    values = [((7 * number) % 13) - 1e9 * (number == 30) for number in range(count)]
    curve = moving_mean(Curve(steps=tuple(range(10, 10 * count + 1, 10)), values=tuple(values)), points=points)
    assert len(curve.steps) == len(curve.values) <= 1000 and curve.steps[-1] == 10 * count
    assert count > 1000 or len(curve.steps) == count
    for step, value in [*zip(curve.steps, curve.values, strict=True)][:: max(1, len(curve.steps) // 50)]:
        end = step // 10
        assert value == pytest.approx(fmean(values[max(0, end - points) : end]), rel=1e-12)


def test_what_nobody_sees_is_shown(make_run, tmp_path):
    """Controls and marks of direction stand in the page as escapes; spaces of numbers and ends of lines stay."""
    name = "a\x1b[31m\u202eb\x01\u200b<i>\N{NO-BREAK SPACE}"
    page = page_of(tmp_path, runs=[make_run(name)], notes=("one\ntwo", name))
    assert {char for char in page if not char.isprintable()} <= {"\n", "\N{NO-BREAK SPACE}", "\N{THIN SPACE}"}
    assert "a\\x1b[31m\\u202eb\\x01\\u200b&lt;i&gt;" in page and "one\ntwo" in page


def test_what_nobody_sees_is_shown_in_figures_too(make_run):
    run = read_run(make_run("VIVI-Ex(4)"))
    name = "frame/\u540d\u202e\x1b"  # the first of them is a letter that the font of the drawing lacks
    hidden = dataclasses.replace(run, lines=tuple({**line, name: 1.0} for line in run.lines))
    for figure in (loss_figure([hidden], key="k"), inlined('<svg width="9pt" viewBox="0">', key="k", label="\u202e")):
        assert {char for char in figure if not char.isprintable()} <= {"\n"} and "\\u202e" in figure

import json

import pytest
from tests.reference import vtab_results as made

from vivi.core.errors import ViviError
from vivi.report.results_files import collect_results, read_robust, read_vtab


@pytest.fixture
def write(tmp_path):
    return lambda record, name="results.json": made.write(tmp_path / name, record)


def test_means_over_complete_groups(write):
    file = read_vtab(write(made.results("A", made.around(0.5))))
    # task number n has 0.5 + n / 1000: 0 to 6, 7 to 10, 11 to 18
    assert file.mean("natural").value == pytest.approx(0.503)
    assert file.mean("specialized").value == pytest.approx(0.5085)
    assert file.mean("structured").value == pytest.approx(0.5145)
    assert file.mean().value == pytest.approx(0.509)
    assert (file.mean().counted, file.mean().of) == (19, 19)
    assert (file.encoder, file.version, file.examples, file.is_finetuned) == ("A", 1, "1000", True)


def test_a_group_with_a_task_missing_has_no_mean_and_the_others_have(write):
    accuracies = made.around(0.5)
    del accuracies["dtd"]
    file = read_vtab(write(made.results("A", accuracies)))
    assert (file.mean("natural").value, file.mean("natural").counted, file.mean("natural").of) == (None, 6, 7)
    assert (file.mean().value, file.mean().counted, file.mean().of) == (None, 18, 19)
    assert file.mean("structured").value == pytest.approx(0.5145)


def test_subsets_that_are_not_googles_own_are_counted_and_told(write):
    """From raw files those of Caltech101, EuroSAT and Resisc45 cannot be had by anybody."""
    file = read_vtab(write(made.results("A", made.around(0.5), unofficial=["kitti"])))
    assert file.mean("structured").value == pytest.approx(0.5145)
    assert (file.mean("structured").unofficial, file.mean("natural").unofficial, file.mean().unofficial) == (1, 0, 1)


def test_quick_modes_and_other_tasks_enter_no_mean(write):
    for mode in ("linear", "knn"):
        quick = read_vtab(write(made.results("A", made.around(0.5), mode=mode)))
        assert [quick.mean(group).counted for group in ("natural", "specialized", "structured")] == [0, 0, 0]
    more = read_vtab(write(made.results("A", made.around(0.5) | {"mine": (0.9,)})))
    assert more.tasks["mine"].group == "other"
    assert more.mean().value == pytest.approx(0.509)


def test_a_task_cannot_call_itself_one_of_vtab(write):
    record = made.results("A", made.around(0.5) | {"mine": (0.9,)})
    del record["tasks"]["dtd"]
    record["tasks"]["mine"]["group"] = "natural"
    assert read_vtab(write(record)).mean("natural").value is None


def test_another_seed_is_no_other_protocol(write):
    told = ["seed: 0 -> 3", "image_size: 224 -> 32"]
    assert read_vtab(write(made.results("A", {}, departures=told))).departures == ("image_size: 224 -> 32",)


@pytest.mark.parametrize(("examples", "told"), [("full", "full"), (None, "full"), (1000, "1000"), (100, "100")])
def test_how_much_was_learned_from(write, examples, told):
    assert read_vtab(write(made.results("A", {}, examples=examples))).examples == told


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.pop("protocol"),
        lambda record: record.pop("mode"),
        lambda record: record.__setitem__("tasks", []),
        lambda record: record["protocol"].__setitem__("examples", "../x"),
        lambda record: record["tasks"]["dtd"].__setitem__("accuracy", 52.0),
        lambda record: record["tasks"]["dtd"].__setitem__("accuracy", 0.2),  # not the median
        lambda record: record["tasks"]["dtd"].__setitem__("repeats", []),
        lambda record: record["tasks"]["dtd"].__setitem__("repeats", [0.5, float("nan"), 0.6]),
        lambda record: record["tasks"]["dtd"].__setitem__("total", 0),
        lambda record: record["tasks"]["dtd"].pop("is_official"),
    ],
)
def test_a_damaged_file_is_told_in_a_line(write, damage):
    record = made.results("A", made.around(0.5))
    damage(record)
    with pytest.raises(ViviError, match=r"results.json is damaged") as caught:
        read_vtab(write(record))
    assert "\n" not in str(caught.value)


def test_another_version_or_format_is_refused(write):
    record = made.results("A", made.around(0.5))
    with pytest.raises(ViviError, match="not of the format vivi-vtab 1"):
        read_vtab(write(record | {"version": 2}))
    with pytest.raises(ViviError, match="not of the format vivi-robustness 1"):
        read_robust(write(record))


def test_robustness_is_read_and_checked(write):
    record = made.robust("B", pm0=700, pm10=500)
    file = read_robust(write(record))
    assert (file.pm0.correct, file.pm10.correct, file.is_official, file.unanswered) == (700, 500, True, 0)
    record["pm10"]["interval"] = [0.6, 0.7]
    with pytest.raises(ViviError, match="cannot be"):
        read_robust(write(record))


def test_results_are_found_in_folders(tmp_path):
    one = made.write(tmp_path / "a" / "deep" / "results.json", made.results("A", made.around(0.5)))
    two = made.write(tmp_path / "a" / "robust.json", made.robust("A", pm0=700, pm10=500))
    three = made.write(tmp_path / "a" / "any name.json", made.robust("B", pm0=700, pm10=500))
    made.write(tmp_path / "a" / "deep" / "runs" / "dtd" / "lr0.1.json", {"format": "vivi-finetune"})
    made.write(tmp_path / "a" / "deep" / "other" / "results.json", {"format": "of another program"})
    (tmp_path / "a" / "broken.json").write_text('{"format": ')
    vtab, robust = collect_results([tmp_path / "a", one])
    assert [file.path for file in vtab] == [one]
    assert sorted(file.path for file in robust) == sorted([two, three])
    assert [file.path for file in collect_results([three])[1]] == [three]


def test_nothing_found_is_an_error(tmp_path):
    with pytest.raises(ViviError, match="does not exist"):
        collect_results([tmp_path / "none"])
    with pytest.raises(ViviError, match="holds no results of VTAB"):
        collect_results([tmp_path])
    scores = tmp_path / "scores.json"
    scores.write_text(json.dumps({"format": "vivi-scores", "version": 1}))
    with pytest.raises(ViviError, match="holds no results of VTAB"):
        collect_results([scores])

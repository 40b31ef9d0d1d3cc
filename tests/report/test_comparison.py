import json

import pytest
from tests.reference import vtab_results as made

from vivi.cli import main
from vivi.core.errors import ViviError
from vivi.probe import clopper_pearson
from vivi.report.comparison import compare


@pytest.fixture
def write(tmp_path):
    return lambda name, record: made.write(tmp_path / name, record)


def shifted(accuracies, by):
    return {name: tuple(value + by for value in repeats) for name, repeats in accuracies.items()}


def test_tasks_and_groups(write):
    after = shifted(made.around(0.5), 0.1) | {"svhn": (0.5, 0.4, 0.3)}
    a = write("a/results.json", made.results("A", made.around(0.5)))
    found = compare(a, write("b/results.json", made.results("B", after)))
    assert [task.before.title for task in found.tasks] == [name.upper() for name in made.NAMES]
    by_title = {task.before.title: task for task in found.tasks}
    assert by_title["DTD"].change.value == pytest.approx(0.1)
    assert by_title["DTD"].change.interval == pytest.approx((0.1, 0.1)) and by_title["DTD"].change.is_clear
    half = 4.302653 * 0.11 / 3**0.5
    assert by_title["SVHN"].change.interval == pytest.approx((-0.106 - half, -0.106 + half))
    assert by_title["DTD"].before.interval == clopper_pearson(502, total=1000)
    groups = {group.name: group for group in found.groups}
    assert list(groups) == ["natural", "specialized", "structured", "mean"]
    assert (groups["specialized"].before, groups["specialized"].after) == pytest.approx((0.5085, 0.6085))
    assert groups["natural"].change.value == pytest.approx((0.6 - 0.106) / 7)
    # of the repeats of svhn: 0.004, -0.106, -0.216, the other six 0.1 each
    means = [(0.6 + each) / 7 for each in (0.004, -0.106, -0.216)]
    half = 4.302653 * (0.11 / 7) / 3**0.5
    assert groups["natural"].change.interval == pytest.approx((means[1] - half, means[1] + half))
    assert groups["mean"].before == pytest.approx(0.509)
    assert found.remarks == ()


def test_incomplete_groups_and_what_only_one_side_has(write):
    one, two = made.around(0.5), made.around(0.6)
    del one["dtd"], two["kitti"]
    found = compare(write("a.json", made.results("A", one)), write("b.json", made.results("B", two)))
    assert (found.only_before, found.only_after) == (("KITTI",), ("DTD",))
    groups = {group.name: group for group in found.groups}
    assert (groups["natural"].before, groups["natural"].change, groups["natural"].counted) == (None, None, 6)
    assert groups["specialized"].change.value == pytest.approx(0.1)
    assert (groups["mean"].counted, groups["mean"].of) == (17, 19)


def test_quick_modes_are_compared_but_have_no_mean_of_vtab(write):
    a = write("a.json", made.results("A", made.around(0.5), mode="knn"))
    found = compare(a, write("b.json", made.results("B", made.around(0.6), mode="knn")))
    assert len(found.tasks) == 19
    assert [group.counted for group in found.groups] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": 2}, "protocol.version: 1 -> 2"),
        ({"mode": "knn"}, 'mode: "finetune" -> "knn"'),
        ({"examples": "full"}, 'protocol.examples: 1000 -> "full"'),
        ({"protocol": {"batch": 64}}, "protocol.batch: null -> 64"),
        ({"unofficial": ["dtd"]}, "DTD: is_official: true -> false"),
    ],
)
def test_other_questions_are_refused_and_named(write, change, told):
    a = write("a.json", made.results("A", made.around(0.5)))
    b = write("b.json", made.results("B", made.around(0.6), **change))
    with pytest.raises(ViviError, match="not asked the same") as caught:
        compare(a, b)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_other_data_are_refused(write):
    record = made.results("B", made.around(0.6))
    record["tasks"]["svhn"] |= {"origin": "original files", "total": 999}
    a = write("a.json", made.results("A", made.around(0.5)))
    with pytest.raises(ViviError, match=r'SVHN: origin: "lists" -> "original files"; SVHN: total: 1000 -> 999'):
        compare(a, write("b.json", record))


def test_other_seeds_do_not_pair(write):
    a = write("a.json", made.results("A", made.around(0.5)))
    found = compare(a, write("b.json", made.results("B", made.around(0.6), protocol={"seed": 1})))
    assert all(task.change.interval is None for task in found.tasks)
    assert found.groups[-1].change.interval is None and found.groups[-1].change.value == pytest.approx(0.1)
    assert found.remarks[0].startswith("No interval of the change, the repeats do not pair: CALTECH101")


def test_the_same_weights_and_single_repeats_are_told(write):
    single = {name: repeats[1:2] for name, repeats in made.around(0.5).items()}
    a = write("a.json", made.results("A", single))
    found = compare(a, write("b.json", made.results("A", single)))
    assert found.remarks[0].startswith("A and B are the same weights")
    assert found.remarks[1].startswith("No interval of the change, there is one repeat")


def test_another_protocol_is_told(write):
    told = {"departures": ["image_size: 224 -> 32"], "protocol": {"image_size": 32}}
    a = write("a.json", made.results("A", made.around(0.5), **told))
    found = compare(a, write("b.json", made.results("B", made.around(0.6), **told)))
    assert found.remarks == ("Not under VTAB's protocol: image_size: 224 -> 32",)


def test_robustness(write):
    one, two = made.robust("A", pm0=700, pm10=500), made.robust("B", pm0=750, pm10=520)
    two["encoder"] |= {"preprocessing": "another crop", "fingerprint": "1" * 12}
    found = compare(write("a.json", one), write("b.json", two))
    assert [task.before.title for task in found.tasks] == [f"ImageNet-Vid-Robust, pm-{k}" for k in (0, 10)]
    assert found.tasks[0].change.value == pytest.approx(50 / 1109) and found.tasks[0].change.interval is None
    assert found.tasks[0].before.interval == clopper_pearson(700, total=1109)
    assert found.groups == ()
    assert found.remarks[0] == "The encoders make different inputs of an image: centre crop; another crop"
    two["data"]["fingerprint"] = "b" * 12
    with pytest.raises(ViviError, match='benchmark: "aaaaaaaaaaaa" -> "bbbbbbbbbbbb"'):
        compare(write("a.json", one), write("b.json", two))


def scores(make_scores, encoder, rights, **more):
    """A scores.json with one kNN result for each seed."""
    results = [("knn", "trained", right, 100, (0.0, 1.0)) for right in rights]
    path = make_scores(encoder, [*results, ("knn", "random", 20, 100, (0.0, 1.0))], **more)
    record = json.loads(path.read_text())
    for seed, each in enumerate(record["results"][: len(rights)]):
        each["details"]["seed"] = seed
    record["encoder"]["fingerprint"] = encoder * 12
    path.write_text(json.dumps(record))
    return path


def test_scores_of_the_quick_evaluation_pair_by_seed(make_scores):
    a = scores(make_scores, "A", (50, 60, 70))
    b = scores(make_scores, "B", (61, 72, 76))
    found = compare(a, b)
    (task,) = found.tasks
    assert (task.before.title, task.before.group) == ("what (knn)", "quick evaluation")
    assert (task.before.accuracy, task.after.accuracy, task.change.value) == pytest.approx((0.6, 0.72, 0.12))
    mean, deviation = 29 / 300, (((0.11 - 29 / 300) ** 2 + (0.12 - 29 / 300) ** 2 + (0.06 - 29 / 300) ** 2) / 2) ** 0.5
    half = 4.302653 * deviation / 3**0.5
    assert task.change.interval == pytest.approx((mean - half, mean + half))
    assert found.groups == ()


def test_scores_on_other_data_are_refused(make_scores):
    a = scores(make_scores, "A", (50,))
    b = scores(make_scores, "B", (60,), classes=("cat", "dog"), changes={"data": {"train": 80}})
    with pytest.raises(ViviError, match=r"training images: 40 -> 80"):
        compare(a, b)
    with pytest.raises(ViviError, match=r'classes: \["arrow", "star", "ring", "fish"\] -> \["cat", "dog"\]'):
        compare(a, b)


def test_folders_hold_the_results_of_one_encoder(write, tmp_path, make_scores):
    fingerprint = {"fingerprint": "A" * 12}
    for side, by in (("a", 0.0), ("b", 0.1)):
        write(f"{side}/results.json", made.results("A", shifted(made.around(0.5), by), **fingerprint))
        record = made.robust("A", pm0=700 + round(100 * by), pm10=500)
        record["encoder"] |= fingerprint
        write(f"{side}/deep/robust.json", record)
        scores(make_scores, "A", (50, 60), name=f"{side}-scores.json").rename(tmp_path / side / "scores.json")
    found = compare(tmp_path / "a", tmp_path / "b")
    assert len(found.tasks) == 19 + 2 + 1 and len(found.groups) == 4
    write("b/other/results.json", made.results("B", made.around(0.5)))
    with pytest.raises(ViviError, match=r"results of 2 encoders \(A, B\)|two results of"):
        compare(tmp_path / "a", tmp_path / "b")


def test_several_encoders_one_task_twice_and_nothing(write, tmp_path):
    write("many/a/results.json", made.results("A", {"dtd": (0.5,)}))
    write("many/b/results.json", made.results("B", {"svhn": (0.5,)}))
    write("twice/a/results.json", made.results("A", {"dtd": (0.5,)}))
    write("twice/b/results.json", made.results("A", {"dtd": (0.6,)}))
    one = tmp_path / "many" / "a" / "results.json"
    with pytest.raises(ViviError, match=r"holds results of 2 encoders \(A, B\): give the file or folder of one"):
        compare(tmp_path / "many", one)
    with pytest.raises(ViviError, match="has two results of DTD"):
        compare(one, tmp_path / "twice")
    with pytest.raises(ViviError, match="no task in common: A has DTD, B has SVHN"):
        compare(one, tmp_path / "many" / "b")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ViviError, match="holds no results"):
        compare(one, tmp_path / "empty")
    with pytest.raises(ViviError, match="does not exist"):
        compare(one, tmp_path / "none")


def test_the_verb(write, tmp_path, capsys):
    write("a/results.json", made.results("A [x]", made.around(0.5)))
    write("b/results.json", made.results("B", shifted(made.around(0.5), 0.1)))
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    shown = capsys.readouterr().out
    for told in (
        "A: A [x]",
        "50.1 [47.0, 53.2]",
        "+10.0 *",
        "19 of 19",
        "Student's t",
        "Clopper-Pearson",
        "not the choice",
    ):
        assert told in shown, told
    write("b/results.json", made.results("B", made.around(0.5), version=2))
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "protocol.version: 1 -> 2" in capsys.readouterr().err

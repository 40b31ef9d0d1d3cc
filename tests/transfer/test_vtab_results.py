"""What a study finds: settings chosen without the test, medians, means over complete groups alone."""
# ruff: noqa: F811

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.reference.tiny_study import TINY, Study, records, study, tasks  # noqa: F401 (fixtures)
from tests.reference.tiny_tasks import examples, in_process, opened

from vivi.core.errors import ViviError
from vivi.core.work import Unit
from vivi.transfer.suites import VTAB
from vivi.transfer.task import OpenedTask
from vivi.transfer.vtab.modes import LinearProbe, Neighbours


def test_the_runs_and_results_of_a_study(study: Study, tmp_path: Path) -> None:
    result = study()
    found = records(tmp_path / "out")
    settings = [setting.name for setting in TINY.settings]
    best = result.record["tasks"]["cifar"]["setting"]
    name = f"lr{best['learning_rate']:g}-steps{best['steps']}"
    assert sorted(each for each in found if "/cifar/" in each) == sorted(
        [f"runs/cifar/sweep-{each}.json" for each in settings]
        + [f"runs/cifar/final-{name}-{repeat}.json" for repeat in (1, 2, 3)]
    )
    assert len(found) == 14 and result.failures == ()
    sweep, final = found["runs/cifar/sweep-lr0.1-steps6.json"], found[f"runs/cifar/final-{name}-2.json"]
    assert (sweep["stage"], sweep["train_split"], sweep["eval_split"]) == ("sweep", "train800", "val200")
    assert (final["stage"], final["train_split"], final["eval_split"]) == ("final", "train800val200", "test")
    assert (sweep["total"], final["total"], final["repeat"]) == (9, 12, 1)
    assert sweep["setting"] == {"learning_rate": 0.1, "steps": 6} and final["setting"] == best
    assert sweep["accuracy"] == sweep["correct"] / 9 and [step for step, *_ in sweep["curve"]] == [1, 2, 3, 4, 5, 6]
    assert sweep["data"] == {"origin": "memory", "is_official": True, "remarks": [], "unreadable": []}
    assert json.loads(result.path.read_text()) == result.record
    assert (result.record["format"], result.record["version"], result.record["mode"]) == ("vivi-vtab", 1, "finetune")


def test_the_setting_is_the_best_on_the_validation_images_and_the_median_counts(study: Study, tmp_path: Path) -> None:
    result = study()
    found = records(tmp_path / "out")
    for task in ("cifar", "svhn"):
        swept = {name: each for name, each in found.items() if name.startswith(f"runs/{task}/sweep")}
        in_order = [swept[f"runs/{task}/sweep-{setting.name}.json"] for setting in TINY.settings]
        best = max(in_order, key=lambda each: each["accuracy"])
        reported = result.record["tasks"][task]
        assert reported["setting"] == best["setting"] and reported["selected_on"] == "val200"
        assert [*reported["sweep"].values()] == [each["accuracy"] for each in in_order]
        finals = [each for name, each in sorted(found.items()) if name.startswith(f"runs/{task}/final")]
        assert reported["repeats"] == [each["accuracy"] for each in finals]
        assert reported["accuracy"] == float(np.median(reported["repeats"]))


def test_one_setting_for_all_tasks(study: Study, tmp_path: Path) -> None:
    result = study(protocol=dataclasses.replace(TINY, shared_setting=True))
    found = records(tmp_path / "out")
    means = [
        sum(found[f"runs/{task}/sweep-{setting.name}.json"]["accuracy"] for task in ("cifar", "svhn"))
        for setting in TINY.settings
    ]
    best = TINY.settings[means.index(max(means))].as_json()
    assert [each["setting"] for each in result.record["tasks"].values()] == [best, best]
    assert result.record["tasks"]["cifar"]["selected_on"] == "val200, mean over 2 tasks"


def test_a_sweep_is_never_given_the_test_split(study: Study, tasks: dict[str, OpenedTask], tmp_path: Path) -> None:
    """While sweeps run, the task has no test split at all."""
    whole = dict(tasks["cifar"].splits)

    def engine(function: Callable[[Any], Any], *, units: list[Unit], workers: int) -> Any:
        is_sweep = units[0].argument["stage"] == "sweep"
        for task in tasks.values():
            task.splits.pop("test", None)
            task.splits.update({} if is_sweep else {"test": whole["test"]})
        yield from in_process(function, units=units, workers=workers)

    result = study(engine=engine)
    assert result.failures == () and len(result.record["tasks"]) == 2


def test_test_labels_do_not_change_what_is_reported(
    study: Study,
    tasks: dict[str, OpenedTask],
    tmp_path: Path,
) -> None:
    """Other test labels: the same sweeps, the same settings, the same training; only what is right differs."""
    before, first = study(out=tmp_path / "a"), records(tmp_path / "a")
    for name in tasks:
        other = dataclasses.replace(opened(name).splits["test"], labels_N=np.roll(np.arange(12) % 3, 1))
        tasks[name] = opened(name, test=other)
    after, second = study(out=tmp_path / "b"), records(tmp_path / "b")
    assert first.keys() == second.keys()
    for name, each in first.items():
        assert each["curve"] == second[name]["curve"]
        assert "/final" in name or each == second[name]
    for name, task in before.record["tasks"].items():
        assert task["setting"] == after.record["tasks"][name]["setting"]
    assert before.record["tasks"]["cifar"]["repeats"] != after.record["tasks"]["cifar"]["repeats"]


def test_one_bad_image_never_ends_a_suite(study: Study, tasks: dict[str, OpenedTask], tmp_path: Path) -> None:
    bad_train = examples(np.arange(24) % 3, bad=(5,))
    tasks["cifar"] = opened("cifar", train=bad_train, test=examples(np.arange(12) % 3, part="test", bad=(0, 7)))
    result = study()
    assert result.failures == ()
    found = records(tmp_path / "out")
    (final,) = (
        each for name, each in found.items() if name.startswith("runs/cifar/final") and name.endswith("-1.json")
    )
    assert final["total"] == 12 and final["correct"] <= 10
    assert [name for name, _ in final["data"]["unreadable"]] == ["train/5.png", "test/0.png", "test/7.png"]
    told = "3 images cannot be read, first train/5.png: damaged (for the test); those to be judged on count as wrong"
    assert result.record["tasks"]["cifar"]["remarks"] == [told]
    assert result.record["tasks"]["svhn"]["remarks"] == []


def test_divergence_is_a_result_of_the_study(study: Study) -> None:
    result = study(protocol=dataclasses.replace(TINY, learning_rates=(1e38,), steps=(12,)), tasks=["cifar"])
    assert result.failures == ()
    assert result.record["tasks"]["cifar"]["remarks"] == ["3 of 3 runs diverged"]


def test_a_run_that_diverged_is_not_chosen_for_the_share_of_class_0(study: Study, tasks: dict[str, OpenedTask]) -> None:
    """Both settings would say class 0 of all, the first because its logits are undefined, which is no answer."""
    tasks["cifar"] = opened("cifar", train=examples(np.zeros(24, dtype=np.int64)))
    result = study(protocol=dataclasses.replace(TINY, learning_rates=(1e38, 0.001), steps=(12,)), tasks=["cifar"])
    task = result.record["tasks"]["cifar"]
    assert (task["setting"]["learning_rate"], task["sweep"]) == (
        0.001,
        {"lr1e+38-steps12": 0, "lr0.001-steps12": 1 / 3},
    )
    assert task["remarks"] == ["1 of 2 settings diverged in the sweep"]


def test_means_only_over_complete_groups(study: Study, tasks: dict[str, OpenedTask], tmp_path: Path) -> None:
    protocol = dataclasses.replace(TINY, mode=Neighbours())
    specialized = [task.name for task in VTAB if task.group == "specialized"]
    for name in specialized[:-1]:
        tasks[name] = opened(name)
    record = study(protocol=protocol).record
    assert record["groups"]["specialized"] == {"mean": None, "tasks": 3, "of": 4}
    assert record["groups"]["natural"] == {"mean": None, "tasks": 2, "of": 7}
    tasks[specialized[-1]] = opened(specialized[-1], test=examples([0, 1], part="test"))
    record = study(protocol=protocol).record
    accuracies = [record["tasks"][name]["accuracy"] for name in specialized]
    assert record["groups"]["specialized"] == {"mean": sum(accuracies) / 4, "tasks": 4, "of": 4}
    assert record["mean"] is None and len(record["missing"]) == 13
    for task in VTAB:
        tasks[task.name] = tasks.get(task.name) or opened(task.name)
    record = study(protocol=protocol).record
    assert record["mean"] == pytest.approx(np.mean([record["tasks"][task.name]["accuracy"] for task in VTAB]))
    assert record["missing"] == [] and record["groups"]["structured"]["of"] == 8


def test_folders_of_images_stand_beside_vtab(study: Study, colours: Path, tmp_path: Path) -> None:
    result = study(folders=[colours], tasks=["cifar"])
    assert result.record["tasks"]["folder-colours"]["group"] == "other"
    assert result.record["groups"]["natural"]["tasks"] == 1
    alone = study(data=None, folders=[colours], out=tmp_path / "alone").record
    assert list(alone["tasks"]) == ["folder-colours"]
    with pytest.raises(ViviError, match="two folders are called 'folder-colours'"):
        study(data=None, folders=[colours, colours], out=tmp_path / "twice")


def test_linear_heads_and_logistic_regression(study: Study, tmp_path: Path) -> None:
    result = study(protocol=dataclasses.replace(TINY, mode=LinearProbe()), tasks=["cifar"])
    found = records(tmp_path / "out")
    assert sum("sweep" in name for name in found) == 5
    logistic = found["runs/cifar/sweep-logistic.json"]
    assert (logistic["mode"], logistic["curve"], logistic["total"]) == ("linear", [], 9)
    assert len(found["runs/cifar/sweep-lr0.1-steps6.json"]["curve"]) == 6
    assert result.record["mode"] == "linear"


def test_seeds_of_repetitions_and_tasks_differ(study: Study, tmp_path: Path) -> None:
    study()
    curves = [each["curve"] for name, each in records(tmp_path / "out").items() if "/final" in name]
    assert len({json.dumps(curve) for curve in curves}) == len(curves) == 6

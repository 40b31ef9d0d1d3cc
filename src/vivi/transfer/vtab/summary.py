"""results.json: what the runs of a study say about its encoder; means over complete groups alone."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vivi.core.config import dump
from vivi.transfer.suites import VTAB
from vivi.transfer.task import GROUPS, Group
from vivi.transfer.vtab.backbones import Backbone
from vivi.transfer.vtab.protocol import FINAL, SWEEP, VtabProtocol, chosen_setting
from vivi.transfer.vtab.recipe import Setting
from vivi.transfer.vtab.runs import Run
from vivi.transfer.vtab.study import StudyFolder, TaskFacts

FORMAT, VERSION = "vivi-vtab", 1
NO_CHOICE = "nothing: there is one setting"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which setting a task is judged with."""

    setting: Setting
    selected_on: str
    """In words for results."""


def sweep_runs(task: str, protocol: VtabProtocol) -> list[Run]:
    """The runs of a task's sweep; none where there is one setting."""
    settings = protocol.settings
    return [] if len(settings) == 1 else [Run(task, SWEEP, setting, 0) for setting in settings]


def final_runs(task: str, setting: Setting, protocol: VtabProtocol) -> list[Run]:
    """The runs of a task with its chosen setting."""
    return [Run(task, FINAL, setting, repeat) for repeat in range(protocol.repeats_of(setting))]


def choices(folder: StudyFolder, tasks: Iterable[str], protocol: VtabProtocol) -> dict[str, Choice]:
    """The chosen setting of each task whose sweep is complete; what the test images say has no part in it.

    A shared setting is chosen by the tasks of VTAB alone, where there are any.
    """
    settings = protocol.settings
    if len(settings) == 1:
        return {task: Choice(settings[0], NO_CHOICE) for task in tasks}
    swept = {task: sweep_runs(task, protocol) for task in tasks}
    accuracies = {
        task: {run.setting.name: float(folder.result(run)["accuracy"]) for run in runs}
        for task, runs in swept.items()
        if all(folder.is_done(run) for run in runs)
    }
    split = protocol.splits.selected
    if not protocol.shared_setting or not accuracies:
        return {
            task: Choice(chosen_setting({name: [each] for name, each in found.items()}, settings=settings), split)
            for task, found in accuracies.items()
        }
    vtab = {task.name for task in VTAB}
    voters = [found for task, found in accuracies.items() if task in vtab] or list(accuracies.values())
    together = {each.name: [found[each.name] for found in voters] for each in settings}
    setting = chosen_setting(together, settings=settings)
    return {task: Choice(setting, f"{split}, mean over {len(voters)} tasks") for task in accuracies}


def results(
    folder: StudyFolder, *, backbone: Backbone, protocol: VtabProtocol, tasks: Mapping[str, TaskFacts]
) -> dict[str, Any]:
    """What stands in results.json, from the result files of the runs."""
    chosen = choices(folder, tasks, protocol)
    runs = {task: final_runs(task, choice.setting, protocol) for task, choice in chosen.items()}
    found = {
        task: _task(folder, chosen[task], facts=tasks[task], swept=sweep_runs(task, protocol), runs=finals)
        for task, finals in runs.items()
        if all(folder.is_done(run) for run in finals)
    }
    groups = {group: _group(group, found) for group in GROUPS}
    return {
        "format": FORMAT,
        "version": VERSION,
        "encoder": backbone.described() | {"images": protocol.squash.about},
        "protocol": dump(protocol),
        "departures": protocol.departures,
        "mode": protocol.mode.name,
        "tasks": found,
        "groups": groups,
        "mean": _mean([task.name for task in VTAB], found),
        "missing": [task.name for task in VTAB if task.name not in found],
    }


def _task(
    folder: StudyFolder, choice: Choice, *, facts: TaskFacts, swept: Iterable[Run], runs: Iterable[Run]
) -> dict[str, Any]:
    sweep = {run.setting.name: folder.result(run) for run in swept}
    repeats = [folder.result(run) for run in runs]
    accuracies = [float(each["accuracy"]) for each in repeats]
    return {
        "title": facts.title,
        "group": facts.group,
        "accuracy": statistics.median(accuracies),
        "repeats": accuracies,
        "total": repeats[0]["total"],
        "setting": repeats[0]["setting"],
        "selected_on": choice.selected_on,
        "sweep": {name: float(each["accuracy"]) for name, each in sweep.items()},
        "origin": facts.origin,
        "is_official": facts.is_official,
        "remarks": [*facts.remarks, *_troubles(repeats, sweep=[*sweep.values()])],
    }


def _troubles(repeats: list[dict[str, Any]], *, sweep: list[dict[str, Any]]) -> list[str]:
    """What to know about the runs of a task."""
    unreadable = dict(pair for each in (*repeats, *sweep) for pair in each["data"]["unreadable"])
    count, first = len(unreadable), ": ".join(next(iter(unreadable.items()), ()))
    told = (
        f"{count} image{'s' if count > 1 else ''} cannot be read, first {first}; those to be judged on count as wrong"
    )
    wild, diverged = (sum(bool(each["diverged"]) for each in runs) for runs in (sweep, repeats))
    return [
        *([told] if unreadable else []),
        *([f"{wild} of {len(sweep)} settings diverged in the sweep"] if wild else []),
        *([f"{diverged} of {len(repeats)} runs diverged"] if diverged else []),
    ]


def _group(group: Group, found: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    names = [task.name for task in VTAB if task.group == group]
    return {"mean": _mean(names, found), "tasks": sum(name in found for name in names), "of": len(names)}


def _mean(names: list[str], found: Mapping[str, dict[str, Any]]) -> float | None:
    """Of all these tasks, or None where one is missing."""
    if not names or any(name not in found for name in names):
        return None
    return statistics.fmean(found[name]["accuracy"] for name in names)

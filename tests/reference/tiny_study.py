"""A study on tasks in memory, whose runs are done in this process: imported as fixtures."""

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.reference.tiny_networks import FLAT
from tests.reference.tiny_tasks import in_process, opened

import vivi.transfer.vtab.opened_study as opened_study
import vivi.transfer.vtab.runs as runs_module
import vivi.transfer.vtab.sources as sources
from vivi.core.config import override
from vivi.transfer.task import OpenedTask
from vivi.transfer.vtab.judge import VtabResults, vtab
from vivi.transfer.vtab.protocol import VtabProtocol

TINY = override(
    VtabProtocol(learning_rates=(0.1, 0.001), steps=(2, 6), image_size=8), ["recipe.batch=8", "recipe.buffer=40"]
)
SMALL = dataclasses.replace(TINY, steps=(2,))
"""A sweep of two runs."""
Study = Callable[..., VtabResults]


def stand_in(put: Callable[[Any, str, Any], None] = setattr) -> dict[str, OpenedTask]:
    """Let studies find two tasks in memory, by name; what is changed in the dictionary is what they find then."""
    there = {"cifar": opened("cifar"), "svhn": opened("svhn")}
    put(sources, "open_task", lambda task, root: there[task.name])
    put(opened_study, "survey", lambda root, wanted: [survey_line(task, there) for task in wanted])
    return there


def survey_line(task: Any, there: dict[str, OpenedTask]) -> Any:
    """What the survey would say: flowers is begun, not whole."""
    is_begun = task.name in there or (task.name == "oxford_flowers102" and bool(there))
    missing = ("oxford_flowers102/val200.txt",) if is_begun else (f"{task.name}/train800.txt",)
    return SimpleNamespace(task=task, is_there=task.name in there, is_begun=is_begun, missing=missing)


def run(root: Path, encoder: str = FLAT, **changes: Any) -> VtabResults:
    """`vtab` with other defaults; what earlier calls kept in memory is forgotten."""
    for name in ("_opened", "_images", "_backbone", "_own_device"):
        getattr(runs_module, name).cache_clear()
    given = {"data": root, "out": root / "out", "protocol": TINY, "engine": in_process, "device": "cpu"}
    return vtab(encoder, **given | changes)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> dict[str, OpenedTask]:
    """What the data root has; a test may change it."""
    return stand_in(monkeypatch.setattr)


@pytest.fixture
def study(tasks: dict[str, OpenedTask], tmp_path: Path) -> Study:
    """`run` on these tasks."""
    return functools.partial(run, tmp_path)


def records(out: Path) -> dict[str, dict[str, Any]]:
    """Every result file by its path, without what differs from call to call."""
    found = {str(file.relative_to(out)): json.loads(file.read_text()) for file in out.glob("runs/**/*.json")}
    return {name: {key: value for key, value in each.items() if key != "seconds"} for name, each in found.items()}

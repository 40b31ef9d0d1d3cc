"""Results of VTAB and of ImageNet-Vid-Robust as the tables see them, and which of them enter a mean."""

import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vivi.core.errors import ViviError
from vivi.core.files import TEMPORARY, read_json
from vivi.report.published import SIZES, TASKS
from vivi.transfer.task import GROUPS, Group

VTAB_FORMAT, ROBUST_FORMAT, VERSION = "vivi-vtab", "vivi-robustness", 1
THOUSAND, FULL = "1000", "full"
FINETUNE = "finetune"
_GROUP_OF = {task.name: task.group for task in TASKS}
_ROUNDING = 1e-6
_ALL = (None, FULL, "all")
"""What stands for all examples of a task."""
_LARGEST = 64 << 20
"""Bytes of the largest file that is looked into without having been named."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What one encoder scored on one task."""

    name: str
    title: str
    group: Group
    """That of VTAB; "other" for every task that is not VTAB's, whatever the file says."""
    accuracy: float
    """The median of the repeats, in [0, 1]."""
    repeats: tuple[float, ...]
    """In [0, 1]."""
    total: int
    """Test images."""
    conditions: dict[str, Any]
    """Where the images come from and on what the setting was chosen: what two results must share to be compared."""
    setting: dict[str, Any]
    is_official: bool
    """Whether the examples and the test images are those of VTAB."""
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over tasks, if all of them are there."""

    value: float | None
    """In [0, 1]; None where a task is missing."""
    counted: int
    """Tasks that are there and count."""
    of: int
    unofficial: int = 0
    """Of those counted, with other examples or test images than VTAB's: no raw files give back all of Google's own."""


@dataclass(frozen=True, slots=True)
class VtabFile:
    """One encoder on the tasks of VTAB, or some of them."""

    path: Path
    encoder: str
    fingerprint: str
    protocol: dict[str, Any]
    """All that was written about how the tasks were put."""
    version: int
    """Of VTAB's protocol."""
    examples: str
    """How many labelled images a task has: "1000", "full", or another number."""
    departures: tuple[str, ...]
    """In what the protocol is not that of VTAB; empty where it is."""
    mode: str
    """"finetune", or how frozen features were judged."""
    tasks: dict[str, TaskResult]

    @property
    def is_finetuned(self) -> bool:
        """Whether the whole network was trained, as VTAB asks."""
        return self.mode == FINETUNE

    def counts(self, task: TaskResult) -> bool:
        """Whether a task enters a mean: fine-tuned, and one of VTAB's."""
        return self.is_finetuned and task.group in GROUPS

    def mean(self, *groups: Group) -> Mean:
        """The plain mean over all tasks of these groups, or over all of VTAB's tasks if none is named."""
        wanted = groups or GROUPS
        tasks = [task for task in self.tasks.values() if task.group in wanted and self.counts(task)]
        of = sum(SIZES[group] for group in wanted)
        return Mean(
            value=sum(task.accuracy for task in tasks) / of if len(tasks) == of else None,
            counted=len(tasks),
            of=of,
            unofficial=sum(not task.is_official for task in tasks),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A share of right answers with its 95 % interval."""

    correct: int
    total: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        """In [0, 1]."""
        return self.correct / self.total


@dataclass(frozen=True, slots=True)
class RobustFile:
    """One classifier on ImageNet-Vid-Robust."""

    path: Path
    encoder: str
    fingerprint: str
    benchmark: str
    """Its fingerprint."""
    preprocessing: str
    """What happened to its frames, in words."""
    pm0: Measured
    pm10: Measured
    is_official: bool
    unanswered: int
    """Frames without a prediction, which count as wrong."""


def collect_results(paths: Sequence[Path]) -> tuple[tuple[VtabFile, ...], tuple[RobustFile, ...]]:
    """Read the results at or below the given paths, each file once, in the order given.

    In a folder, results are results.json and *robust*.json at any depth and, directly in it, every *.json that says
    of itself that it holds some.

    Raises:
        ViviError: a path does not exist or holds no results, or a file is damaged.
    """
    files: dict[Path, str] = {}
    for path in paths:
        if not path.exists():
            raise ViviError(f"{path} does not exist: give results.json, the result of `vivi robust`, or their folders")
        found = find_results(path)
        if not found:
            raise ViviError(
                f"{path} holds no results of VTAB ({VTAB_FORMAT}) and none of ImageNet-Vid-Robust ({ROBUST_FORMAT})"
            )
        files |= found
    return (
        tuple(read_vtab(file) for file, kind in files.items() if kind == VTAB_FORMAT),
        tuple(read_robust(file) for file, kind in files.items() if kind == ROBUST_FORMAT),
    )


def find_results(path: Path) -> dict[Path, str]:
    """The results at or below a path with their formats; none where there are none."""
    found = (
        {path} if path.is_file() else {*path.rglob("results.json"), *path.rglob("*robust*.json"), *path.glob("*.json")}
    )
    files = {file: format_of(file) for file in sorted(found) if file.is_file() and not file.name.startswith(TEMPORARY)}
    return {file: kind for file, kind in files.items() if kind in (VTAB_FORMAT, ROBUST_FORMAT)}


def format_of(path: Path) -> str:
    """The format that a file says it has; empty if it is too large, no JSON, or says nothing."""
    try:
        text = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
        record = json.loads(text) if b'"format"' in text else None
    except (OSError, ValueError, RecursionError):
        return ""
    return str(record.get("format", "")) if isinstance(record, dict) else ""


def read_vtab(path: Path) -> VtabFile:
    """Read one results.json.

    Raises:
        ViviError: missing, not of this format and version, or with values that cannot be.
    """
    return _read(path, VTAB_FORMAT, _vtab)


def read_robust(path: Path) -> RobustFile:
    """Read one result of `vivi robust`.

    Raises:
        ViviError: missing, not of this format and version, or with values that cannot be.
    """
    return _read(path, ROBUST_FORMAT, _robust)


def _read(path: Path, form: str, parse: Callable[[Path, dict[str, Any]], T]) -> T:
    record = read_json(path)
    if not isinstance(record, dict) or (record.get("format"), record.get("version")) != (form, VERSION):
        raise ViviError(f"{path} is not of the format {form} {VERSION}: it was not written by this version of vivi")
    try:
        return parse(path, record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ViviError(f"{path} is damaged ({type(error).__name__}: {error}): make it again") from error


def _vtab(path: Path, record: dict[str, Any]) -> VtabFile:
    encoder, protocol = record["encoder"], dict(record["protocol"])
    examples = protocol["examples"]
    return VtabFile(
        path=path,
        encoder=str(encoder["name"]),
        fingerprint=str(encoder.get("fingerprint", "")),
        protocol=protocol,
        version=int(protocol["version"]),
        examples=FULL if examples in _ALL else str(int(examples)),
        departures=tuple(line for line in map(str, record.get("departures", ())) if not line.startswith("seed: ")),
        mode=str(record["mode"]),
        tasks={str(name): _task(str(name), task) for name, task in record["tasks"].items()},
    )


def _task(name: str, record: dict[str, Any]) -> TaskResult:
    total, repeats = int(record["total"]), tuple(_share(each) for each in record["repeats"])
    if total < 1 or not repeats:
        raise ValueError(f"{name} has {total} test images and {len(repeats)} repeats")
    if abs(_share(record["accuracy"]) - statistics.median(repeats)) > _ROUNDING:
        raise ValueError(f"the accuracy of {name} is not the median of its repeats")
    return TaskResult(
        name=name,
        title=str(record.get("title", name)),
        group=_GROUP_OF.get(name, "other"),
        accuracy=_share(record["accuracy"]),
        repeats=repeats,
        total=total,
        conditions={key: record.get(key) for key in ("origin", "is_official", "selected_on", "total")},
        setting=dict(record.get("setting") or {}),
        is_official=record["is_official"] is True,
        remarks=tuple(map(str, record.get("remarks", ()))),
    )


def _share(value: Any) -> float:
    share = float(value)
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise ValueError(f"an accuracy of {value}")
    return share


def _robust(path: Path, record: dict[str, Any]) -> RobustFile:
    encoder, data = record["encoder"], record["data"]
    return RobustFile(
        path=path,
        encoder=str(encoder["name"]),
        fingerprint=str(encoder.get("fingerprint", "")),
        benchmark=str(data["fingerprint"]),
        preprocessing=str(encoder.get("preprocessing", "")),
        pm0=_measured(record["pm0"]),
        pm10=_measured(record["pm10"]),
        is_official=data["is_official"] is True,
        unanswered=int(record["unanswered"]["frames"]),
    )


def _measured(record: dict[str, Any]) -> Measured:
    low, high = record["interval"]
    found = Measured(correct=int(record["correct"]), total=int(record["total"]), low=_share(low), high=_share(high))
    if not 0 <= found.correct <= found.total or found.total < 1 or not found.low <= found.accuracy <= found.high:
        raise ValueError(f"{found} cannot be")
    return found

"""One unit of a study: a run, or the runs that are done at once, in whatever process; a result file for each run.

A file is written whole and last, so what is there is done.
"""

import fcntl
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import torch

from vivi.core.config import dump, load
from vivi.core.errors import ViviError
from vivi.core.files import write_json
from vivi.core.world import find_device
from vivi.transfer.task import OpenedTask, Split
from vivi.transfer.vtab.backbones import Backbone, open_backbone
from vivi.transfer.vtab.finetune import Finding
from vivi.transfer.vtab.image_sets import ImageSet, image_set
from vivi.transfer.vtab.modes import Attempt, Exam
from vivi.transfer.vtab.pixels import Squash
from vivi.transfer.vtab.protocol import FINAL, SWEEP, VtabProtocol
from vivi.transfer.vtab.recipe import Setting
from vivi.transfer.vtab.sources import TaskSource, fingerprint

FORMAT, VERSION = "vivi-finetune", 1
RUNS = "runs"
_HELD: list[TextIOWrapper] = []
"""Open locks of this process on its GPU."""


@dataclass(frozen=True, slots=True)
class Run:
    """One setting on one task, once: one result file."""

    task: str
    stage: str
    """`SWEEP` or `FINAL`."""
    setting: Setting
    repeat: int
    """Number of the repetition, from 0."""

    @property
    def name(self) -> str:
        """Such as "sweep-lr0.1-steps2500" or "final-lr0.1-steps2500-1"."""
        return f"{self.stage}-{self.setting.name}" + ("" if self.stage == SWEEP else f"-{self.repeat + 1}")

    def file(self, out: Path) -> Path:
        """Where its result stands."""
        return out / RUNS / self.task / f"{self.name}.json"


def argument_of(
    runs: Sequence[Run],
    *,
    out: Path,
    backbone: Backbone,
    source: TaskSource,
    examples: Mapping[str, str],
    protocol: VtabProtocol,
    device: str,
) -> dict[str, Any]:
    """What `do_runs` is handed for some runs of one task and stage: JSON values; `examples` as `TaskFacts` has them."""
    settings = [each.name for each in protocol.settings]
    return {
        "out": str(out.resolve()),
        "encoder": backbone.spec,
        "fingerprint": backbone.fingerprint,
        "task": runs[0].task,
        "source": dump(source),
        "examples": {split: examples[split] for split in _splits(protocol, stage=runs[0].stage)},
        "protocol": dump(protocol),
        "stage": runs[0].stage,
        "attempts": [[settings.index(run.setting.name), run.repeat] for run in runs],
        "device": device,
    }


def do_runs(argument: dict[str, Any]) -> list[str]:
    """Do some runs of one task and stage, and write their result files.

    Args:
        argument: see `argument_of`; besides "threads", how many this process may use.

    Returns:
        The paths of the files.

    Raises:
        ViviError: the encoder or the examples are others than the study's, or see `Mode.judge`.
    """
    torch.set_num_threads(argument["threads"])
    out, stage = Path(argument["out"]), argument["stage"]
    protocol = load(argument["protocol"], VtabProtocol)
    attempts = [Attempt(protocol.settings[at], repeat) for at, repeat in argument["attempts"]]
    source = json.dumps(argument["source"])
    opened = _opened(source)
    train, judged = _splits(protocol, stage=stage)
    device = _own_device(argument["device"], out)

    def images(split: Split) -> ImageSet:
        of = argument["examples"][split]
        return _images(source, split, of, squash=protocol.squash, threads=argument["threads"], device=device)

    began = time.perf_counter()
    exam = Exam(
        backbone=_backbone(argument["encoder"], argument["fingerprint"], device),
        train=images(train),
        judged=images(judged),
        classes=opened.task.classes,
        recipe=protocol.recipe,
        seed=protocol.seed,
        purpose=lambda repeat: f"vtab/{argument['task']}/{stage}/{repeat}",
    )
    findings = protocol.mode.judge(exam, attempts)
    seconds = (time.perf_counter() - began) / len(attempts)
    files = []
    for attempt, finding in zip(attempts, findings, strict=True):
        run = Run(argument["task"], stage, attempt.setting, attempt.repeat)
        record = _record(run, finding, opened=opened, protocol=protocol, seconds=seconds)
        write_json(run.file(out), record)
        files.append(str(run.file(out)))
    return files


def _splits(protocol: VtabProtocol, *, stage: str) -> tuple[Split, Split]:
    """What a stage learns from and is judged on; a sweep never gets the images of the test."""
    splits = protocol.splits
    return {SWEEP: (splits.learned, splits.selected), FINAL: (splits.retrained, splits.tested)}[stage]


def _record(
    run: Run, finding: Finding, *, opened: OpenedTask, protocol: VtabProtocol, seconds: float
) -> dict[str, Any]:
    train, judged = _splits(protocol, stage=run.stage)
    return {
        "format": FORMAT,
        "version": VERSION,
        "task": run.task,
        "group": opened.task.group,
        "stage": run.stage,
        "mode": protocol.mode.name,
        "setting": run.setting.as_json(),
        "repeat": run.repeat,
        "train_split": train,
        "eval_split": judged,
        "correct": finding.correct,
        "total": finding.total,
        "accuracy": finding.accuracy,
        "diverged": finding.diverged,
        "curve": [list(point) for point in finding.curve],
        "seconds": seconds,
        "data": {
            "origin": opened.origin,
            "is_official": opened.is_official,
            "remarks": list(opened.remarks),
            "unreadable": [list(each) for each in finding.unreadable],
        },
    }


@lru_cache(maxsize=1)
def _opened(source: str) -> OpenedTask:
    return load(json.loads(source), TaskSource).open()  # type: ignore[type-abstract]


@lru_cache(maxsize=4)
def _images(source: str, split: Split, known: str, *, squash: Squash, threads: int, device: torch.device) -> ImageSet:
    """Images of a split, seen to be those that the study knows; all runs of a task in a process share them."""
    opened = _opened(source)
    examples = opened.splits[split]
    if fingerprint(examples) != known:
        raise ViviError(
            f"{opened.task.name}, {split}: other examples here than when the study began: give every machine the same "
            "files, and do not change them while a study runs"
        )
    return image_set(examples, squash=squash, threads=threads, device=device)


@lru_cache(maxsize=1)
def _backbone(spec: str, fingerprint: str, device: torch.device) -> Backbone:
    backbone = open_backbone(spec)
    if backbone.fingerprint != fingerprint:
        raise ViviError(
            f"{spec} has other weights ({backbone.fingerprint}) than when the study began ({fingerprint}): give the "
            "same encoder, or let the function return the same weights whenever it is called"
        )
    return backbone.to(device)


@lru_cache(maxsize=1)
def _own_device(name: str, out: Path) -> torch.device:
    """The device of this process: of several GPUs the one that fewest other processes of the study have taken."""
    device = find_device(name)
    count = torch.cuda.device_count()
    if device.type == "cuda" and device.index is None and count > 1:
        taken = 0
        while not _is_locked(out / f".gpu-{taken % count}-{taken // count}"):
            taken += 1
        device = torch.device("cuda", taken % count)
    if device.index is not None:
        torch.cuda.set_device(device)  # else pinned memory and the compiler's trials would use the first GPU
    return device


def _is_locked(path: Path) -> bool:
    """Lock a file for as long as this process lives, if no other process has."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _HELD.append(file)
    return True

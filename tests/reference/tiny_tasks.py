"""Tasks in memory: images whose colour tells their class, with bad ones where a test wants them."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from vivi.core.seeds import rng
from vivi.core.work import End, Outcome, Unit
from vivi.data.image_file import ImageError
from vivi.transfer.subset import vtab_splits
from vivi.transfer.suites import VTAB
from vivi.transfer.task import Examples, OpenedTask, Parts

SIDE = 10


def examples(
    labels: list[int] | np.ndarray, *, part: str = "train", bad: tuple[int, ...] = (), noise: int = 60
) -> Examples:
    """Images of 10 x 12 pixels; those at the positions `bad` do not decode."""
    labels_N = np.asarray(labels, dtype=np.int64)

    def read(at: int) -> np.ndarray:
        if at in bad:
            raise ImageError(Path(f"{part}/{at}.png"), "damaged (for the test)")
        colour = np.array([60, 60, 60])
        colour[int(labels_N[at]) % 3] = 190
        spread = rng(at, step=0, purpose=part).integers(-noise, noise + 1, size=(SIDE, SIDE + 2, 3))
        return np.clip(colour + spread, 0, 255).astype(np.uint8)

    return Examples(labels_N=labels_N, read=read, name=lambda at: f"{part}/{at}.png")


def opened(name: str = "cifar", *, test: Examples | None = None, train: Examples | None = None) -> OpenedTask:
    """A task of VTAB by name, with 24, 9 and 12 images of three classes."""
    (task,) = (each for each in VTAB if each.name == name)
    parts = Parts(
        train=examples(np.arange(24) % 3) if train is None else train,
        val=examples(np.arange(9) % 3, part="val"),
        test=examples(np.arange(12) % 3, part="test") if test is None else test,
    )
    return OpenedTask(task, vtab_splits(parts), origin="memory", is_official=True, remarks=())


def listed(task: OpenedTask) -> OpenedTask:
    """The same with the splits of a list folder alone."""
    names = ("train800", "val200", "train800val200", "test")
    return dataclasses.replace(task, splits={name: task.splits[name] for name in names}, origin="lists of vtab-1k")


def in_process(function: Callable[[object], object], *, units: list[Unit], workers: int) -> Iterator[Outcome]:
    """An engine that does the units one after the other, here."""
    for unit in units:
        try:
            yield Outcome(unit, End.DONE, function(unit.argument))
        except Exception as error:
            yield Outcome(unit, End.FAILED, detail=f"{type(error).__name__}: {error}")

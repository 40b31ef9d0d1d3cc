"""A downstream task: what it asks, which files it needs, and how these become labelled examples.

A task is a value. Where its files come from is one of two: the lists of the vtab-1k folder that the field passes round
(`vivi.transfer.data_root.list_folder`), or the files of the original data set, which `Task.read` knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Group = Literal["natural", "specialized", "structured", "other"]
GROUPS: tuple[Group, ...] = ("natural", "specialized", "structured")
"""Of VTAB, in its order; "other" is for tasks that are not VTAB's."""
Split = Literal["train", "val", "test", "trainval", "train800", "val200", "train800val200", "train1000", "trainval1000"]
"""`train`, `val` and `test` are whole; `train800val200` are VTAB version 2's 1000, `trainval1000` version 1's."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled images in a fixed order; pixels are read when they are asked for."""

    labels_N: NDArray[np.int64]
    """Classes from 0."""
    read: Callable[[int], NDArray[np.uint8]]
    """Position -> pixels_HWC, uint8, RGB, upright, of the image's own size. Safe to call from threads.

    Raises ImageError where the image cannot be read; its text names file and record.
    """
    name: Callable[[int], str]
    """Position -> what the image is called in messages and results: its path, or file and record."""

    def __len__(self) -> int:
        """N."""
        return len(self.labels_N)

    def take(self, positions_M: NDArray[np.int64]) -> "Examples":
        """Those at these positions, in this order."""
        places_M = positions_M.copy()
        return Examples(
            labels_N=self.labels_N[places_M],
            read=lambda at: self.read(int(places_M[at])),
            name=lambda at: self.name(int(places_M[at])),
        )

    def first(self, count: int) -> "Examples":
        """The first `count`, or all where there are fewer."""
        return self.take(np.arange(min(count, len(self))))


def joined(parts: Sequence[Examples]) -> Examples:
    """The examples of all parts, one part after the other."""
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def place(at: int) -> tuple[Examples, int]:
        number = int(np.searchsorted(starts, at, side="right")) - 1
        return parts[number], at - int(starts[number])

    def read(at: int) -> NDArray[np.uint8]:
        part, inside = place(at)
        return part.read(inside)

    def name(at: int) -> str:
        part, inside = place(at)
        return part.name(inside)

    return Examples(labels_N=np.concatenate([part.labels_N for part in parts]), read=read, name=name)


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts of a data set, each in the order of TFDS (see `vivi.transfer.subset`)."""

    train: Examples
    val: Examples
    test: Examples
    remarks: tuple[str, ...] = ()
    """Where these differ from the parts of VTAB, and why; empty where they are the same."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many images a task's parts have in VTAB."""

    train: int
    val: int
    test: int
    undecodable: int = 0
    """Of the training part, what newer releases of TFDS leave out as we do; none is among the first 1000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task. Values, no subclasses: a new one is a file with a reader and `TASKS = (Task(...),)`."""

    name: str
    """As the vtab-1k folder calls it, e.g. "cifar"; also the name on the command line and in results."""
    title: str
    """As tables print it, e.g. "CIFAR-100"."""
    group: Group
    classes: int
    sizes: Sizes
    read: Callable[[Path], Parts]
    """Folder of the original files -> parts.

    Raises ViviError where a file is missing, damaged or not what it should be; its text names the file and record.
    """
    folder: str
    """Where the original files lie below a data root, e.g. "cifar-100-binary"; tasks may share it."""
    files: tuple[str, ...]
    """The original files that `read` needs, as patterns relative to `folder`; all must match something."""
    source: str
    """Where to get them: the home page of the data set, in words or as an address."""
    licence: str
    gigabytes: float
    """About how much there is to fetch."""


@dataclass(frozen=True, slots=True)
class OpenedTask:
    """A task whose files were found: its splits, as far as these files have them."""

    task: Task
    splits: dict[Split, Examples]
    origin: str
    """Where the examples come from, in words for results, e.g. "lists of vtab-1k" or "original files"."""
    is_official: bool
    """Whether the 1000 examples and the test images are those of VTAB."""
    remarks: tuple[str, ...]
    """What to know about them, in words for results; also harmless things, where the examples are VTAB's."""

"""The parts of a data set as an opened task: checked, cut as VTAB does, and what differs from VTAB said."""

from collections.abc import Mapping

import numpy as np

from vivi.core.errors import ViviError
from vivi.transfer.subset import THOUSAND, TRAIN, VAL, vtab_splits
from vivi.transfer.task import Examples, OpenedTask, Parts, Split, Task


def open_parts(task: Task, parts: Parts, *, origin: str) -> OpenedTask:
    """Check the labels, compare the sizes, and cut the splits.

    Args:
        task: the task.
        parts: what its reader gave.
        origin: where the examples come from, in words for results.

    Raises:
        ViviError: an example has a label that the task does not have; the text names file and record.
    """
    for part in (parts.train, parts.val, parts.test):
        if wrong := wrong_labels(part, classes=task.classes):
            raise ViviError(f"{wrong[0]}: these are other files than those of {task.title}, get {task.source}")
    splits = vtab_splits(parts)
    differences = (*parts.remarks, *wrong_sizes(task, splits).values())
    return OpenedTask(
        task=task,
        splits=splits,
        origin=origin,
        is_official=not differences,
        remarks=(*differences, *_left_out(task, parts.train)),
    )


def wrong_labels(part: Examples, *, classes: int) -> list[str]:
    """The examples whose class is none of the task's, a sentence each; their names say file and record."""
    wrong = np.flatnonzero((part.labels_N < 0) | (part.labels_N >= classes)).tolist()
    return [f"{part.name(at)} has class {part.labels_N[at]}, not one of 0 to {classes - 1}" for at in wrong]


def wrong_sizes(task: Task, splits: Mapping[Split, Examples]) -> dict[Split, str]:
    """The splits that have another number of images than VTAB's, with a sentence each.

    Where the whole parts are there, they are counted, else the 1000 examples and the test images.
    """
    sizes = task.sizes
    legal: dict[Split, tuple[int, ...]] = {
        "train800": (TRAIN,), "val200": (VAL,), "train800val200": (THOUSAND,), "test": (sizes.test,),
    }  # fmt: skip
    if "train" in splits:
        legal = {"train": (sizes.train, sizes.train - sizes.undecodable), "val": (sizes.val,), "test": (sizes.test,)}
    return {
        name: f"{name} has {len(splits[name])} images, VTAB has {counts[0]}"
        for name, counts in legal.items()
        if len(splits[name]) not in counts
    }


def _left_out(task: Task, train: Examples) -> list[str]:
    """Said where images are missing whose absence changes neither the 1000 examples nor the test images."""
    missing = task.sizes.train - len(train)
    if not missing or missing != task.sizes.undecodable:
        return []
    return [
        f"train lacks {missing} of VTAB's {task.sizes.train} images, left out by newer TFDS too as not decodable; none "
        "is among the 1000"
    ]

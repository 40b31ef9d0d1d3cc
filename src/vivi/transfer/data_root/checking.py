"""Whether an opened task is what it should be: counts, classes, splits that share nothing, images that decode."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.core.work import usable_cores
from vivi.transfer.data_root.checksums import wrong_files
from vivi.transfer.data_root.finding import ORIGIN, open_task, survey
from vivi.transfer.data_root.list_folder import CIRCULATED
from vivi.transfer.data_root.opening import wrong_labels, wrong_sizes
from vivi.transfer.task import Examples, OpenedTask, Split, Task, joined

SHOWN = 20
"""Problems of one kind that are listed; of more, only the number."""
_CHUNK = 256
"""Images decoded between two calls of `progress`."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one task found."""

    task: Task
    origin: str
    """Where its examples come from; "not opened" where that failed."""
    remarks: tuple[str, ...]
    """What to know about the examples that is no problem."""
    problems: tuple[str, ...]
    """What is wrong; empty where the task is sound."""


def check_root(
    root: Path,
    tasks: Sequence[Task],
    *,
    must_be_there: bool,
    all_images: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Checked, ...]:
    """Check the tasks that a data root has.

    Args:
        root: the data root.
        tasks: those to look for.
        must_be_there: a task of which there is nothing is wrong; else it is passed over.
        all_images: as in `check_task`.
        progress: called with the task's name, the number of its images decoded, and of all.

    Raises:
        ViviError: the root is no folder, or has none of the tasks.
    """
    there = [each.task for each in survey(root, tasks) if must_be_there or each.is_begun]
    if not there:
        raise ViviError(f"{root} has none of the tasks: vivi tasks {root} says what is missing")
    return tuple(_checked(task, root, all_images=all_images, progress=progress) for task in there)


def _checked(task: Task, root: Path, *, all_images: bool, progress: Callable[[str, int, int], None] | None) -> Checked:
    def heard(done: int, total: int) -> None:
        if progress is not None:
            progress(task.name, done, total)

    try:
        opened = open_task(task, root)
    except ViviError as error:
        return Checked(task=task, origin="not opened", remarks=(), problems=(str(error),))
    files = wrong_files(task, root) if opened.origin == ORIGIN else ()
    problems = (*files, *check_task(opened, all_images=all_images, progress=heard))
    remarks = tuple(each for each in opened.remarks if each not in problems)
    return Checked(task=task, origin=opened.origin, remarks=remarks, problems=problems)


def check_task(
    opened: OpenedTask, *, all_images: bool = False, progress: Callable[[int, int], None] | None = None
) -> tuple[str, ...]:
    """What is wrong with a task, a sentence each; nothing where all is well.

    The images that are learned from are decoded, and must be the same in `train800val200` as in its two parts.

    Args:
        opened: the task.
        all_images: decode all images of all splits.
        progress: called with the number of images decoded and of all.
    """
    splits = opened.splits
    learned: dict[Split, Examples] = {name: splits[name] for name in ("train800", "val200", "train800val200")}
    digests, broken = _decode(joined(tuple((splits if all_images else learned).values())), progress=progress)
    return (
        *_wrong_counts(opened),
        *_wrong_classes(opened),
        *_shared(splits),
        *_shortened(broken),
        *_wrong_union(learned, digests),
    )


def _decode(images: Examples, *, progress: Callable[[int, int], None] | None) -> tuple[dict[str, bytes], list[str]]:
    """A digest of the pixels of each image by its name, and what is wrong with those that do not decode."""
    places = {images.name(at): at for at in range(len(images))}
    names = list(places)
    digests: dict[str, bytes] = {}
    broken: list[str] = []
    with ThreadPoolExecutor(usable_cores()) as pool:
        for start in range(0, len(names), _CHUNK):
            chunk = names[start : start + _CHUNK]
            found = pool.map(lambda name: _digest(images, places[name]), chunk)
            for name, (digest, problem) in zip(chunk, found, strict=True):
                digests[name] = digest
                broken += [problem] if problem else []
            if progress is not None:
                progress(len(digests), len(names))
    return digests, broken


def _digest(images: Examples, at: int) -> tuple[bytes, str]:
    """Digest and problem of one image; one of them is empty."""
    try:
        pixels_HWC = images.read(at)
    except ViviError as error:
        return b"", str(error)
    return hashlib.sha256(f"{pixels_HWC.shape}".encode() + pixels_HWC.tobytes()).digest(), ""


def _wrong_counts(opened: OpenedTask) -> list[str]:
    task, splits = opened.task, opened.splits
    if task.group == "other":
        return [f"{name} is empty" for name, part in splits.items() if not len(part)]
    wrong = wrong_sizes(task, splits)
    if "train" not in splits and len(splits["test"]) == CIRCULATED.get(task.name):
        wrong.pop("test", None)
    return list(wrong.values())


def _wrong_classes(opened: OpenedTask) -> list[str]:
    classes = opened.task.classes
    tested = np.intersect1d(opened.splits["test"].labels_N, np.arange(classes))
    found = []
    if opened.task.group != "other" and len(tested) < classes:
        found.append(f"test has images of {len(tested)} of {classes} classes")
    for part in opened.splits.values():
        found += _shortened(wrong_labels(part, classes=classes))
    return found


def _shared(splits: dict[Split, Examples]) -> list[str]:
    """Images that stand in two splits that should share none, or twice in one."""
    whole: tuple[Split, ...] = ("train", "val", "test") if "train" in splits else ("train800", "val200", "test")
    counts = {name: Counter(map(splits[name].name, range(len(splits[name])))) for name in whole}
    twice = [
        f"{image} stands in {name} {count} times"
        for name in whole
        for image, count in counts[name].items()
        if count > 1
    ]
    both = [
        f"{image} stands in {one} and in {other}"
        for one, other in combinations(whole, 2)
        for image in sorted(counts[one].keys() & counts[other].keys())
    ]
    return _shortened(twice) + _shortened(both)


def _wrong_union(learned: dict[Split, Examples], digests: dict[str, bytes]) -> list[str]:
    """Whether `train800val200` holds the same images with the same classes as its parts, under whatever names."""

    def content(examples: Examples) -> Counter[tuple[bytes, int]]:
        labels = examples.labels_N.tolist()
        return Counter((digests[examples.name(at)], label) for at, label in enumerate(labels))

    parts, union = joined((learned["train800"], learned["val200"])), learned["train800val200"]
    differing = (content(parts) - content(union)).total()
    return (
        [f"{differing} images of train800 and val200 are not in train800val200 with the same class"]
        if differing
        else []
    )


def _shortened(problems: list[str]) -> list[str]:
    more = len(problems) - SHOWN
    return problems if more <= 0 else [*problems[:SHOWN], f"and {more} more of this kind"]

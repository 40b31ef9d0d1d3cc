"""The folder of lists that is passed round as "vtab-1k": ROOT/TASK/{train800,val200,train800val200,test}.txt.

Each line is a path relative to ROOT/TASK, a space, and the class. The format and the names of the tasks are those of
ZhangYuanhan-AI/NOAH, data/vtab-source/get_vtab1k.py.
"""

from collections.abc import Iterable
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.data.image_file import printable
from vivi.transfer.data_root.opening import wrong_sizes
from vivi.transfer.formats.image_list import files_in, image_list, inside, numbered_lines, whole_number
from vivi.transfer.task import OpenedTask, Split, Task, joined

LISTED: tuple[Split, ...] = ("train800", "val200", "test")
"""Lists that must be there."""
BOTH: Split = "train800val200"
"""A list that may be there; without it both parts are joined."""
ORIGIN = "lists of vtab-1k"
LOSSLESS = frozenset(
    {"cifar", "svhn", "patch_camelyon", "dsprites_loc", "dsprites_ori", "smallnorb_azi", "smallnorb_ele"}
)
"""Tasks whose original images are small and not compressed: JPEG costs them accuracy."""
UNKNOWN = frozenset({"caltech101", "eurosat", "resisc45"})
"""Tasks whose parts depend on the machine on which TFDS was run: no lists are known to be VTAB's."""
CIRCULATED = {"caltech101": 6_085}
"""Test images of the archive that is passed round, where these are not as many as in VTAB.

A stray file that is no image fell among its training images (see `vivi.transfer.tasks.caltech101`).
"""
_JPEG = b"\xff\xd8\xff"

Row = tuple[str, int]
"""Path and class."""


def has_lists(task: Task, root: Path) -> bool:
    """Whether a data root has any of the lists of a task."""
    return any(_file(task, root, split).is_file() for split in (*LISTED, BOTH))


def missing_lists(task: Task, root: Path) -> tuple[str, ...]:
    """The lists of a task that must be there and are not, as paths relative to the root."""
    files = [_file(task, root, split) for split in LISTED]
    return tuple(str(file.relative_to(root)) for file in files if not file.is_file())


def open_list_folder(task: Task, root: Path) -> OpenedTask:
    """The splits that the lists of a task name; every file is seen to be there, none is decoded.

    Args:
        task: its name is the name of its folder.
        root: the folder of the folders.

    Raises:
        ViviError: a list is missing or empty, a line is not "PATH CLASS", its class is not one of the task's, or its
            file is missing; the text names list and line.
    """
    if missing := missing_lists(task, root):
        needed = ", ".join(f"{split}.txt" for split in LISTED)
        raise ViviError(f"{root / missing[0]} is missing: a task in lists needs {needed}; fetch all of them")
    present = [split for split in (*LISTED, BOTH) if _file(task, root, split).is_file()]
    rows = {split: _rows(task, root, split) for split in present}
    folder = root / task.name
    splits = {
        split: image_list(folder, [path for path, _ in found], labels=(label for _, label in found))
        for split, found in rows.items()
    }
    splits.setdefault(BOTH, joined((splits["train800"], splits["val200"])))
    remarks = (
        *wrong_sizes(task, splits).values(),
        *_overlaps(rows),
        *_doubts(task, folder, firsts=(found[0] for found in rows.values())),
    )
    return OpenedTask(task=task, splits=splits, origin=ORIGIN, is_official=not remarks, remarks=remarks)


def _file(task: Task, root: Path, split: Split) -> Path:
    return root / task.name / f"{split}.txt"


def _rows(task: Task, root: Path, split: Split) -> list[Row]:
    """The rows of one list, whose files are there."""
    folder = root / task.name
    present: dict[str, set[str]] = {}
    rows = []
    for where, line in numbered_lines(_file(task, root, split)):
        path, label = _row(line, where=where, classes=task.classes)
        parent, _, name = path.rpartition("/")
        if parent not in present:
            present[parent] = _files_in(folder / parent)
        if name not in present[parent]:
            raise ViviError(f"{where}: there is no file {printable(str(folder / path))}: unpack the images again")
        rows.append((path, label))
    return rows


def _row(line: str, *, where: str, classes: int) -> Row:
    """Path and class of a line; a path may hold spaces."""
    path, _, text = line.rpartition(" ")
    label = whole_number(text)
    if not path.strip() or label is None:
        raise ViviError(f"{where}: {printable(line)!r} is not PATH CLASS: mend the line or fetch the list again")
    if label >= classes:
        raise ViviError(
            f"{where}: class {label} is not one of 0 to {classes - 1}: mend the line, or fetch the list of this task"
        )
    return inside(path.strip(), where=where), label


def _files_in(folder: Path) -> set[str]:
    try:
        return files_in(folder)
    except OSError:  # the message about the line says enough
        return set()


def _overlaps(rows: dict[Split, list[Row]]) -> list[str]:
    """Lists that name the same images although none of these should: what is learned from must not be tested on."""
    named = {split: {path for path, _ in found} for split, found in rows.items()}
    pairs: list[tuple[Split, Split]] = [
        ("train800", "val200"),
        ("train800", "test"),
        ("val200", "test"),
        (BOTH, "test"),
    ]
    shared = {pair: len(named[pair[0]] & named[pair[1]]) for pair in pairs if pair[0] in named}
    return [f"{count} images stand in {one} and in {other}" for (one, other), count in shared.items() if count]


def _doubts(task: Task, folder: Path, *, firsts: Iterable[Row]) -> list[str]:
    """Why these may not be VTAB's images, although they are as many; `firsts` is the first row of each list."""
    found = []
    if task.name in UNKNOWN:
        found.append(
            "VTAB's parts depend on the machine on which TFDS made them: these lists need not name the same images"
        )
    if task.name in LOSSLESS and any(_is_jpeg(folder / path) for path, _ in firsts):
        found.append(
            "the images are JPEG, the original ones are not compressed: accuracies are lower than on the original "
            "files, by about ten points on CIFAR-100"
        )
    return found


def _is_jpeg(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_JPEG)) == _JPEG
    except OSError:  # said when the image is read
        return False

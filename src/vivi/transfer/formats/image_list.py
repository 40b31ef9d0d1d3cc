"""Examples whose images are files below a folder, and the text lists that name them."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.core.files import read_text
from vivi.data.image_file import printable, read_stored
from vivi.transfer.subset import tfds_order
from vivi.transfer.task import Examples

_NUMBER = re.compile(r"[0-9]{1,9}")


def image_list(
    root: Path, paths: Sequence[str], *, labels: Iterable[int], read: Callable[[Path], NDArray[np.uint8]] = read_stored
) -> Examples:
    """Images in files, in the order of their paths.

    Args:
        root: what the paths are relative to; names start with the name of this folder.
        paths: the files.
        labels: the class of each.
        read: gives pixels_HWC of a file; by default as it stores them, never turned, as VTAB sees them.
    """
    return Examples(
        labels_N=np.fromiter(labels, dtype=np.int64, count=len(paths)),
        read=lambda at: read(root / paths[at]),
        name=lambda at: printable(f"{root.name}/{paths[at]}"),
    )


def keyed_images(
    root: Path,
    keys: Sequence[str],
    *,
    labels: Iterable[int],
    split: str,
    paths: Sequence[str] | None = None,
    read: Callable[[Path], NDArray[np.uint8]] = read_stored,
) -> Examples:
    """Images in files, in the order in which TFDS stores their keys.

    Args:
        root: what the paths are relative to.
        keys: TFDS's keys of the records of a split.
        labels: the class of each.
        split: TFDS's name of the split.
        paths: of the files; None where the keys are the paths, up to a slash in front.
        read: gives pixels_HWC of a file; by default as it stores them, never turned, as VTAB sees them.

    Raises:
        ViviError: a file is missing.
    """
    found = [key.lstrip("/") for key in keys] if paths is None else paths
    require_files(root, paths=found)
    return image_list(root, found, labels=labels, read=read).take(tfds_order(keys, split=split))


def require_files(root: Path, *, paths: Iterable[str]) -> None:
    """See before the work that all files of a list are there.

    Raises:
        ViviError: a folder cannot be read, or files are missing; the text names the first.
    """
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        by_folder.setdefault(folder, []).append(name)
    for folder, names in by_folder.items():
        try:
            there = files_in(root / folder)
        except OSError as error:
            raise ViviError(
                f"cannot read the folder {root / folder} ({error.strerror}): fetch and unpack its files"
            ) from error
        missing = [name for name in names if name not in there]
        if missing:
            more = f" and {len(missing) - 1} more are" if len(missing) > 1 else " is"
            raise ViviError(f"{root / folder / missing[0]}{more} missing: fetch and unpack the files again")


def files_in(folder: Path) -> set[str]:
    """Names of the files in a folder: asking once is faster than asking for each.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_file()}


def numbered_lines(file: Path) -> list[tuple[str, str]]:
    """The lines of a text file without those that are empty: where each stands, e.g. "a.txt, line 3", and its text.

    Raises:
        ViviError: the file is missing, is not UTF-8, or has no line.
    """
    lines = [line.strip() for line in read_text(file).split("\n")]
    found = [(f"{printable(str(file))}, line {number}", line) for number, line in enumerate(lines, 1) if line]
    if not found:
        raise ViviError(f"{file} is empty: fetch it again")
    return found


def inside(path: str, *, where: str) -> str:
    """The path, if it is relative, with slashes, and leads to no place outside the folder that it is relative to.

    Raises:
        ViviError: it is not; the text has `where`.
    """
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/"):
        raise ViviError(f"{where}: {printable(path)!r} is not a relative path with slashes inside the folder: mend it")
    return path


def whole_number(text: str) -> int | None:
    """The number that a text of decimal digits says, None for any other text."""
    return int(text) if _NUMBER.fullmatch(text) else None

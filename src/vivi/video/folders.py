"""Files and folders of this machine: every file below a folder is either a candidate or refused with its reason.

Folders are searched through; links in them are not followed, and nothing but regular files is ever opened.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from vivi.data.store.format import Skip, printable
from vivi.video.listing import Candidate
from vivi.video.names import joined, refuse_name
from vivi.video.places import LocalFile


def search_folder(root: Path, *, label: str, without: Path) -> Iterator[Candidate | Skip]:
    """Everything that lies below a folder, in an order that depends on the names alone.

    Args:
        root: the folder, an absolute path without links.
        label: what its files' relative paths begin with; may be empty.
        without: a folder that is not searched, a path of the same kind.
    """
    folders = [(root, label)]
    while folders:
        folder, prefix = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Skip(printable(prefix), "unreadable", f"folder: {error.strerror}", 0)
            continue
        for entry in entries:
            path, file = joined(prefix, entry.name), folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                folders += [(file, path)] if file != without else []
            else:
                yield _refuse_link(path, file, root) or _refuse_name(path, file) or judge_file(path, file)


def judge_file(path: str, file: Path) -> Candidate | Skip:
    """A candidate called `path`, or why `file` is not opened."""
    try:
        status = file.lstat()
    except FileNotFoundError:
        return Skip(printable(path), "not there", printable(f"no file {file}"), 0)
    except (OSError, ValueError) as error:
        return Skip(printable(path), "unreadable", getattr(error, "strerror", None) or str(error), 0)
    if not stat.S_ISREG(status.st_mode):
        return Skip(printable(path), "not a regular file", "only regular files are opened", 0)
    return Candidate(path, LocalFile(str(file)), status.st_size, str(status.st_mtime_ns))


def _refuse_link(path: str, file: Path, root: Path) -> Skip | None:
    if not file.is_symlink():
        return None
    try:
        target = file.resolve(strict=True)
    except (OSError, RuntimeError):
        return Skip(printable(path), "broken link", "it points to nothing or to itself", 0)
    if target.is_relative_to(root):
        return Skip(printable(path), "link", "what it points to lies in the same folder and is listed itself", 0)
    return Skip(printable(path), "outside the folder", "a link to elsewhere: name its target as a source", 0)


def _refuse_name(path: str, file: Path) -> Skip | None:
    refused = refuse_name(path, size=0)
    return refuse_name(path, size=file.stat().st_size) if refused and file.is_file() else None

"""Verbs about downstream tasks: `vivi tasks` is `vivi.tasks.show`, `vivi tasks check` is `vivi.tasks.check`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivi.transfer.data_root.checking import Checked
    from vivi.transfer.data_root.finding import Found
    from vivi.transfer.task import Task


def show(root: Path | str | None = None) -> "tuple[tuple[Task, ...], tuple[Found, ...] | None]":
    """The 19 tasks of VTAB, and which of them a folder has; docs/tasks.md says what to put where.

    Args:
        root: the folder that holds the data sets; None: look for none.

    Returns:
        The tasks, and in the same order what was found of each; None without a folder.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.transfer.data_root.finding import survey
    from vivi.transfer.suites import VTAB

    return VTAB, None if root is None else survey(Path(root), VTAB)


def check(
    root: Path | str,
    *,
    task: Sequence[str] = (),
    all_images: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> "tuple[Checked, ...]":
    """Check the files of the tasks that a folder has: counts, classes, splits, and that the images decode.

    Args:
        root: the folder that holds the data sets.
        task: only the tasks of these names.
        all_images: decode all images, not only the 1000 that are learned from.
        progress: called with the name of a task, its images done and in all.

    Returns:
        What was found of each; a sound task has no `problems`.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.transfer.data_root.checking import check_root
    from vivi.transfer.suites import chosen

    return check_root(Path(root), chosen(task), must_be_there=bool(task), all_images=all_images, progress=progress)

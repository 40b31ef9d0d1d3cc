"""Which tasks a data root has, and a task opened from whatever of its files is there."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.transfer.data_root.list_folder import has_lists, missing_lists, open_list_folder
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.data_root.tfds_folder import find_tfds, open_tfds
from vivi.transfer.task import OpenedTask, Task

ORIGIN = "original files"


@dataclass(frozen=True, slots=True)
class Found:
    """What a data root has of a task."""

    task: Task
    has_lists: bool
    """Any of its lists of vtab-1k, which are taken first."""
    missing: tuple[str, ...]
    """Of its lists where there are any, else of its original files, relative to the root; empty where all are there."""
    prepared: Path | None
    """The folder that TFDS has prepared, which is taken last."""

    @property
    def is_there(self) -> bool:
        """Whether the task can be opened."""
        return not self.missing or (self.prepared is not None and not self.has_lists)

    @property
    def is_begun(self) -> bool:
        """Whether anything of it is there."""
        return self.has_lists or self.prepared is not None or len(self.missing) < len(self.task.files)


def survey(root: Path, tasks: Iterable[Task]) -> tuple[Found, ...]:
    """What a data root has of each task, by the names of files alone.

    Raises:
        ViviError: the root is not a folder.
    """
    if not root.is_dir():
        raise ViviError(f"{root} is not a folder: give the one that holds the data sets; docs/tasks.md says how")
    return tuple(_found(task, root) for task in tasks)


def open_task(task: Task, root: Path) -> OpenedTask:
    """Open a task: from its lists where there are any, else from its original files, else from what TFDS prepared.

    Args:
        task: the task.
        root: the folder that holds the folder of the lists, `task.name`, that of the original files, `task.folder`, or
            the folder of TFDS's builder.

    Raises:
        ViviError: none is there (the text says what is missing and where to get it), or what is there is damaged.
    """
    (found,) = survey(root, (task,))
    if found.has_lists:
        return open_list_folder(task, root)
    if not found.missing:
        return open_parts(task, task.read(root / task.folder), origin=ORIGIN)
    if found.prepared is not None:
        return open_tfds(task, folder=found.prepared)
    raise ViviError(
        f"{task.title}: {root} has neither {task.name}/train800.txt nor {found.missing[0]}: get {task.source}"
    )


def _found(task: Task, root: Path) -> Found:
    is_listed = has_lists(task, root)
    missing = missing_lists(task, root) if is_listed else _missing_files(task, root)
    return Found(task=task, has_lists=is_listed, missing=missing, prepared=find_tfds(task, root))


def _missing_files(task: Task, root: Path) -> tuple[str, ...]:
    folder = root / task.folder
    return tuple(f"{task.folder}/{each}" for each in task.files if next(iter(folder.glob(each)), None) is None)

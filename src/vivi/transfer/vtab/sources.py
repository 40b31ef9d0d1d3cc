"""Where a task of a study is opened, as a value that can be handed to another process."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path

from vivi.core.config import config
from vivi.transfer.data_root.finding import open_task
from vivi.transfer.data_root.folder_task import open_folder_task
from vivi.transfer.suites import chosen
from vivi.transfer.task import Examples, OpenedTask


@config
class TaskSource(ABC):
    """One task and where its files are."""

    @abstractmethod
    def open(self) -> OpenedTask:
        """The task.

        Raises:
            ViviError: files are missing or damaged.
        """


@config
class VtabSource(TaskSource):
    """A task of VTAB below a data root."""

    task: str
    root: str

    def open(self) -> OpenedTask:
        """See `vivi.transfer.data_root.finding.open_task`."""
        (task,) = chosen((self.task,))
        return open_task(task, Path(self.root))


@config
class FolderSource(TaskSource):
    """A folder of labelled images."""

    path: str

    def open(self) -> OpenedTask:
        """See `vivi.transfer.data_root.folder_task.open_folder_task`."""
        return open_folder_task(Path(self.path))


def fingerprint(examples: Examples) -> str:
    """Twelve hexadecimal digits that change with labels, names and order of the examples; no image is read."""
    digest = hashlib.sha256(f"{len(examples)}\n".encode() + examples.labels_N.astype("<i8").tobytes())
    for at in range(len(examples)):
        digest.update(examples.name(at).encode() + b"\n")
    return digest.hexdigest()[:12]

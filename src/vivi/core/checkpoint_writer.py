"""Checkpoints written by a thread while the run goes on: it waits only for the copy in memory."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from vivi.core.checkpoint import save_checkpoint
from vivi.core.run_state import RunState


class CheckpointWriter:
    """Writes one checkpoint at a time; to be used in a `with` block, whose end waits for the last one.

    Args:
        folder: of the run's checkpoints.
        fingerprint: of the run's experiment.
        milestone: checkpoints of these steps stay, see `save_checkpoint`.
    """

    def __init__(self, folder: Path, *, fingerprint: str, milestone: int = 0) -> None:
        self._folder, self._fingerprint, self._milestone = folder, fingerprint, milestone
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[Path] | None = None

    def __enter__(self) -> Self:
        """Nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the last checkpoint; what went wrong with it is raised unless something else is."""
        self._pool.shutdown(wait=True)
        if kind is None:
            self.wait()

    def save(self, state: RunState) -> None:
        """Copy the state and begin to write it, when the checkpoint before is on disk.

        Raises:
            DiskFullError: the checkpoint before could not be written; earlier ones are intact.
        """
        self.wait()
        self._pending = self._pool.submit(
            save_checkpoint, self._folder, state.snapshot(), fingerprint=self._fingerprint, milestone=self._milestone
        )

    def wait(self) -> None:
        """Return when everything is on disk.

        Raises:
            DiskFullError: the last checkpoint could not be written; earlier ones are intact.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

"""A batch that threads are filling, sample by sample."""

import threading
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vivi.data.damage import DamagedRecord
from vivi.data.frame_maker import AnyFrameMaker


class Pending:
    """This rank's part of the batch of one step.

    Args:
        frames: gives memory to fill and delivers it.
        step: the global step.
        ids_N: what was drawn; a sample that is damaged is replaced here.
    """

    def __init__(self, frames: AnyFrameMaker, *, step: int, ids_N: NDArray[np.int64]) -> None:
        self.step, self.ids_N = step, ids_N
        self.memory: Any = frames.take()
        self.damaged: list[list[DamagedRecord]] = [[] for _ in ids_N]
        """What was found while each sample was made; a list for each, as several threads write."""
        self.delivered: Future[Tensor] = Future()
        self._frames, self._left, self._lock = frames, len(ids_N), threading.Lock()

    def all_damaged(self) -> list[DamagedRecord]:
        """In the order of the samples."""
        return [record for records in self.damaged for record in records]

    def sample_done(self) -> None:
        """One sample is complete; whoever completes the last one delivers the batch."""
        with self._lock:
            self._left -= 1
            memory = self.memory if self._left == 0 else None
            if memory is not None:
                self.memory = None
        if memory is not None:
            self.delivered.set_result(self._frames.deliver(memory))

    def fail(self, error: BaseException) -> None:
        """The first error is what the consumer gets."""
        with self._lock:
            if not self.delivered.done():
                self.delivered.set_exception(error)

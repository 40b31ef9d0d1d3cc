"""The endless stream of training examples: repeated for ever, shuffled through a buffer, cut into batches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivi.core.seeds import rng

BUFFER = 10_000
"""Slots of the buffer (google-research/task_adaptation, default of the released script)."""


@dataclass(frozen=True, slots=True)
class ShuffledStream:
    """`repeat().shuffle(buffer).batch(batch)` of tf.data, as a pure function of seed and purpose.

    The buffer is filled with the first examples of 0, 1, ..., count - 1, 0, 1, ...; then again and again a slot is
    drawn, its example goes out and the next one of the endless row takes its place. There are no epochs: an example may
    come twice in a batch (google-research/task_adaptation, data/base.py: cache, repeat, shuffle, batch).
    """

    count: int
    """Examples."""
    batch: int
    seed: int
    purpose: str
    """Distinct for runs whose orders are to be independent."""
    buffer: int = BUFFER

    def batches(self, steps: int) -> Iterator[NDArray[np.int64]]:
        """positions_B of the first `steps` batches."""
        slots_K = np.arange(self.buffer, dtype=np.int64) % self.count
        for step in range(steps):
            drawn_B = rng(self.seed, step=step, purpose=self.purpose).integers(self.buffer, size=self.batch)
            coming_B = (self.buffer + step * self.batch + np.arange(self.batch, dtype=np.int64)) % self.count
            going_B = slots_K[drawn_B]
            order_B = np.argsort(drawn_B, kind="stable")
            again = np.flatnonzero(drawn_B[order_B][1:] == drawn_B[order_B][:-1])
            going_B[order_B[again + 1]] = coming_B[order_B[again]]  # what this very batch put into the slot
            slots_K[drawn_B] = coming_B  # of equal slots the last one stays
            yield going_B

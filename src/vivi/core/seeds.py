"""Every random number of the package: one generator per (seed, step, purpose[, sample]), the same on every rank.

Generators live on the CPU and are counter based, so building one costs microseconds, nothing depends on what was
drawn before, and a resumed run draws what an unbroken one would have drawn.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import torch

MAX_SAMPLE = 2**32
MAX_STEP = 2**31


def rng(seed: int, *, step: int, purpose: str, sample: int = 0) -> np.random.Generator:
    """A NumPy generator for one draw.

    Args:
        seed: the experiment's seed, any integer.
        step: the global step, 0 <= step < 2**31; 0 for draws that are fixed for the run.
        purpose: what is drawn, e.g. "clip" or "crop"; distinct purposes are independent.
        sample: the position in the global batch, 0 <= sample < 2**32.

    Raises:
        ValueError: step or sample out of range.
    """
    if not (0 <= step < MAX_STEP and 0 <= sample < MAX_SAMPLE):
        raise ValueError(f"step {step} or sample {sample} is out of range")
    key = np.array([_stream(seed, purpose), step * MAX_SAMPLE + sample], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def torch_generator(seed: int, *, step: int, purpose: str) -> torch.Generator:
    """A CPU torch generator for one draw over the whole batch; a rank takes its slice of what is drawn."""
    state = int(rng(seed, step=step, purpose=purpose).integers(2**63))
    return torch.Generator().manual_seed(state)


@dataclass(frozen=True, slots=True)
class Draw:
    """Random numbers for one purpose in one step: drawn for the rows of the whole batch, given out for our rows."""

    seed: int
    step: int
    purpose: str
    first: int
    """Position of our first row in the whole batch."""
    count: int
    """Number of our rows."""
    total: int
    """Number of rows of the whole batch."""

    def integers(self, high: int) -> torch.Tensor:
        """Our rows of int64 numbers drawn uniformly from 0 .. high - 1, on the CPU."""
        drawn = rng(self.seed, step=self.step, purpose=self.purpose).integers(high, size=self.total)
        return torch.from_numpy(drawn[self.first : self.first + self.count])


@lru_cache(maxsize=1024)
def _stream(seed: int, purpose: str) -> int:
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little")

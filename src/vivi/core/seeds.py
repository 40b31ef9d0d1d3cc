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
    """A CPU torch generator, for initial weights: torch keeps 32 bits of its seed, so rare pairs of them are equal."""
    state = int(rng(seed, step=step, purpose=purpose).integers(2**63))
    return torch.Generator().manual_seed(state)


@dataclass(frozen=True, slots=True)
class Draw:
    """The random numbers of one objective in one step: drawn for the rows of the whole batch, given out for ours."""

    seed: int
    step: int
    purpose: str
    """Distinct for every objective of a run."""
    first: int
    """Position of our first row in the whole batch."""
    count: int
    """Number of our rows."""
    total: int
    """Number of rows of the whole batch."""

    def integers(self, what: str, *, high: int, shape: tuple[int, ...] = ()) -> torch.Tensor:
        """For each of our rows, numbers_R... of `shape`, uniform in 0 .. high - 1; int64, on the CPU.

        Args:
            what: what is drawn; distinct names are independent, the same name gives the same numbers again.
            high: one more than the largest number.
            shape: numbers for one row.
        """
        generator = rng(self.seed, step=self.step, purpose=f"{self.purpose}/{what}")
        drawn = generator.integers(high, size=(self.total, *shape))
        return torch.from_numpy(drawn[self.first : self.first + self.count])


@lru_cache(maxsize=1024)
def _stream(seed: int, purpose: str) -> int:
    return int.from_bytes(blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "little")

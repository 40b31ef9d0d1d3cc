"""Who a run's batches are for, how far ahead they are made, and with what: the same for all that a step is given."""

from dataclasses import dataclass, field

import torch

from vivi.data.damage import Damage
from vivi.data.device_frames import JPEGDecoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the loaders of videos and of labelled images share.

    Of these only the seed and `decode` decide which pixels a batch has, and the ranks which part of it is made here.

    Raises:
        ValueError: a number out of range.
    """

    seed: int
    """The experiment's."""
    rank: int = 0
    """Of a batch of N samples this rank takes rank * N / ranks up to (rank + 1) * N / ranks."""
    ranks: int = 1
    """Must divide the batches."""
    workers: int
    """Threads of each loader; one per core is right."""
    device: torch.device
    """Where batches go; on CUDA by pinned memory and a copy stream of their own."""
    prefetch: int = 2
    """Batches made ahead."""
    damage: Damage = field(default_factory=Damage)
    """How many damaged records are borne, and where they are noted."""
    decode: JPEGDecoder | None = None
    """Decodes on the device; None: the threads decode."""

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        if self.workers < 1 or self.prefetch < 1 or not 0 <= self.rank < self.ranks:
            raise ValueError("workers and prefetch must be positive, and rank below ranks")

    def positions(self, size: int) -> range:
        """This rank's places in a batch of `size` samples.

        Raises:
            ValueError: the ranks cannot share such a batch equally.
        """
        if size < 1 or size % self.ranks:
            raise ValueError(f"{self.ranks} ranks cannot share a batch of {size} samples equally")
        share = size // self.ranks
        return range(self.rank * share, (self.rank + 1) * share)

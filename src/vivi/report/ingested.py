"""What an ingest took in and what it left out, read from its store."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from vivi.core.errors import ConfigError
from vivi.data.clips import ConsecutiveShots
from vivi.data.store import ShotStore, StoreInfo
from vivi.data.store.skipped import read_skipped

SIZES = ((2, 8), (4, 8), (2, 4), (4, 4))
"""(K, L) for which the remaining videos are counted."""
LISTED = 30
"""Skipped inputs that are listed by name."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An input that is not stored."""

    path: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """The account of one ingest."""

    info: StoreInfo
    skipped: tuple[Skipped, ...]
    """The first of them."""
    reasons: dict[str, int]
    """Skipped inputs by reason, the most frequent first."""
    usable: dict[tuple[int, int], int]
    """(K, L) -> videos that have K consecutive shots of at least L frames."""
    shot_frames: tuple[int, int, int]
    """Shortest, median and longest shot, in frames."""


def read_ingested(store: ShotStore) -> Ingested:
    """The account of the ingest that made a store.

    Raises:
        StoreError: skipped.csv is damaged.
    """
    reasons: Counter[str] = Counter()
    skipped: list[Skipped] = []
    for each in read_skipped(store.path):
        reasons[each.reason] += 1
        if len(skipped) < LISTED:
            skipped.append(Skipped(path=each.path, reason=each.reason, detail=each.detail))
    lengths = store.table.length_S
    return Ingested(
        info=store.info,
        skipped=tuple(skipped),
        reasons=dict(reasons.most_common()),
        usable={(shots, frames): _usable(store, shots=shots, frames=frames) for shots, frames in SIZES},
        shot_frames=(int(lengths.min()), int(np.median(lengths)), int(lengths.max())) if len(lengths) else (0, 0, 0),
    )


def _usable(store: ShotStore, *, shots: int, frames: int) -> int:
    try:
        return len(ConsecutiveShots(shots=shots, frames=frames).eligible(store.table))
    except ConfigError:  # no video is long enough
        return 0

"""What a store has: shots and frames, what K and L leave, and what the videos were before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vivi.data.clips import num_videos_for
from vivi.data.store import ShotStore

SHOTS = (1, 2, 3, 4, 5, 6)
"""K for which the remaining videos are counted,"""
FRAMES = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16)
"""and L."""
_STEPS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 32, 64, 128, 256)
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Spread:
    """How often a number occurs."""

    smallest: int
    median: float
    largest: int
    bars: tuple[tuple[str, int], ...]
    """(a number or a range of numbers, how often), growing; up to the last that occurs."""

    @classmethod
    def of(cls, numbers_N: NDArray[np.int64]) -> "Spread":
        """Of these numbers, which are at least 1."""
        if not len(numbers_N):
            return cls(0, 0.0, 0, ())
        edges = [*(step for step in _STEPS if step <= numbers_N.max()), int(numbers_N.max()) + 1]
        counts = np.histogram(numbers_N, bins=[*edges[:-1], max(edges[-1], edges[-2] + 1)])[0]
        names = [f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in pairwise(edges)]
        return cls(
            smallest=int(numbers_N.min()),
            median=float(np.median(numbers_N)),
            largest=int(numbers_N.max()),
            bars=tuple(zip(names, counts.tolist(), strict=True)),
        )


@dataclass(frozen=True, slots=True)
class Shapes:
    """Of all videos of a store."""

    shots_of_videos: Spread
    frames_of_shots: Spread
    usable: Mapping[tuple[int, int], int]
    """(K, L) -> videos with K consecutive shots of at least L stored frames."""
    one_shot: int
    """Videos of a single shot."""
    seconds_V: NDArray[np.float64]
    """Length of each video."""
    source_fps_V: NDArray[np.float64]
    codecs: tuple[tuple[str, int], ...]
    """Of the source files, the most frequent first; the rest together is called "others"."""
    containers: tuple[tuple[str, int], ...]
    sizes: tuple[tuple[str, int], ...]
    """Width x height of the source pictures."""
    rates: tuple[tuple[str, int], ...]
    """Frames a second of the source, rounded."""
    smaller: int
    """Videos whose pictures are smaller than the short side of the store."""


def read_shapes(store: ShotStore) -> Shapes:
    """Count; frames are not read."""
    shots_V = np.diff(store.table.video_start_V1)
    lines = [store.describe(video) for video in range(store.info.num_videos)]
    return Shapes(
        shots_of_videos=Spread.of(shots_V),
        frames_of_shots=Spread.of(store.table.length_S),
        usable={(k, n): num_videos_for(store.table, shots=k, frames=n) for k in SHOTS for n in FRAMES},
        one_shot=int((shots_V == 1).sum()),
        seconds_V=np.array([line["seconds"] for line in lines], np.float64),
        source_fps_V=np.array([line["source_fps"] for line in lines], np.float64),
        codecs=most_frequent([str(line["codec"]) for line in lines]),
        containers=most_frequent([str(line["container"]) for line in lines]),
        sizes=most_frequent([f"{line['source_width']} x {line['source_height']}" for line in lines]),
        rates=most_frequent([f"{round(line['source_fps'])}" for line in lines]),
        smaller=sum(min(line["width"], line["height"]) < store.info.short_side for line in lines),
    )


def most_frequent(values: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The most frequent values with their counts, the others together."""
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    if len(counts) <= _LISTED + 1:
        return tuple(counts)
    rest = sum(count for _, count in counts[_LISTED:])
    return (*counts[:_LISTED], (f"{len(counts) - _LISTED} others", rest))

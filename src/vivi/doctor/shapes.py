"""What a store has: shots and frames, what K and L leave, and what the videos were before."""

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import StoreError
from vivi.data.clips import num_videos_for
from vivi.data.store import ShotStore
from vivi.data.store.format import VIDEOS
from vivi.data.store.lines import video_lines
from vivi.data.store.manifest import AGAIN

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
    """Count; frames are not read, and no more than a line of videos.jsonl is in memory.

    Raises:
        StoreError: a line is damaged; the text names it.
    """
    shots_V = np.diff(store.table.video_start_V1)
    seconds, rates, smaller = array("d"), array("d"), 0
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("codec", "container", "size", "rate")}
    for number, line in enumerate(video_lines(store.path), 1):
        try:
            seconds.append(line["seconds"])
            rates.append(line["source_fps"])
            counts["codec"][str(line["codec"])] += 1
            counts["container"][str(line["container"])] += 1
            counts["size"][f"{line['source_width']} x {line['source_height']}"] += 1
            counts["rate"][f"{round(line['source_fps'])}"] += 1
            smaller += min(line["width"], line["height"]) < store.info.short_side
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise StoreError(f"line {number} of {store.path / VIDEOS} is damaged ({error!r:.80}): {AGAIN}") from error
    return Shapes(
        shots_of_videos=Spread.of(shots_V),
        frames_of_shots=Spread.of(store.table.length_S),
        usable={(k, n): num_videos_for(store.table, shots=k, frames=n) for k in SHOTS for n in FRAMES},
        one_shot=int((shots_V == 1).sum()),
        seconds_V=np.array(seconds, np.float64),
        source_fps_V=np.array(rates, np.float64),
        codecs=most_frequent(counts["codec"]),
        containers=most_frequent(counts["container"]),
        sizes=most_frequent(counts["size"]),
        rates=most_frequent(counts["rate"]),
        smaller=smaller,
    )


def most_frequent(counted: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The most frequent values with their counts, the others together."""
    counts = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    if len(counts) <= _LISTED + 1:
        return tuple(counts)
    rest = sum(count for _, count in counts[_LISTED:])
    return (*counts[:_LISTED], (f"{len(counts) - _LISTED} others", rest))

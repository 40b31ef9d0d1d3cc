"""Near-duplicate videos: the same pictures encoded again, scaled, cut a little at the edges, or begun later.

Comparing every frame with every other is out of the question for many videos, so frames are first sorted into tables by
parts of their hashes (locality-sensitive hashing): two frames meet if they have 21 bits in common that some table looks
at. Those that meet are compared in all 64 bits, and the videos that then have a frame in common are laid side by side
at the shift at which the most frames agree. Memory and time grow with the number of frames, not with its square; a
bucket with very many frames would, and is left out and counted.

What it cannot tell apart: two recordings of a fixed camera in which little moves. What it cannot find: copies that are
mirrored, turned, played faster, or cut by more than a few percent of a side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivi.core.seeds import rng
from vivi.doctor.hashes import differing, distances
from vivi.doctor.look import VideoLook

NEAR = 12
"""Bits of 64 in which two frames of the same picture may differ."""
MATCHES = 3
"""Frames that must agree at one shift, or all that a shorter video has."""
SHARE = 1 / 3
"""Of the frames that lie side by side, at least so many must agree."""
_LAYOUTS, _BANDS, _BAND_BITS = 4, 3, 21
_CROWD = 500
"""Frames in a bucket that is left out."""
_SAME = 4
"""Bits in which a frame may differ from the one before and tell nothing new."""
_CELLS = 1 << 20
"""Pairs of frames that are compared at once: two videos of a day each have some billions."""
_MANY, _REACH = 64, 4
"""Of a video with more frames than this, those are sorted in that are the brightest or darkest so far around."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two videos that show the same."""

    first: int
    """Number of a video; the lower one."""
    second: int
    shift: int
    """Stored frames by which the second begins later than the first: its frame n shows what frame n + shift of the
    first shows."""
    matched: int
    """Frames that agree,"""
    compared: int
    """of those that lie side by side and show something."""
    bits: float
    """In which the frames that agree differ, of 64, on average."""

    @property
    def similarity(self) -> float:
        """Share of the compared frames that agree, times the share of their bits that do."""
        return self.matched / self.compared * (1 - self.bits / 64)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What was found, the most alike first."""

    pairs: tuple[Duplicate, ...]
    crowded: int
    """Frames that were left out in some table because too many others are like them."""

    @property
    def groups(self) -> list[list[int]]:
        """Videos that hang together by pairs, ascending."""
        leader: dict[int, int] = {}

        def find(video: int) -> int:
            while leader.setdefault(video, video) != video:
                video = leader[video]
            return video

        for pair in self.pairs:
            first, second = sorted((find(pair.first), find(pair.second)))
            leader[second] = first
        members: dict[int, list[int]] = {}
        for video in sorted(leader):
            members.setdefault(find(video), []).append(video)
        return list(members.values())


def find_duplicates(looks: Sequence[VideoLook]) -> Duplicates:
    """The pairs of videos, of these, that show the same."""
    chosen = [_telling(look) for look in looks]
    hashes_F = np.concatenate([np.zeros(0, np.uint64), *chosen])
    owners_F = np.repeat(np.arange(len(looks)), [len(each) for each in chosen])
    candidates, crowded = candidate_pairs(hashes_F, owners_F=owners_F)
    pairs = [
        pair for first, second in candidates.tolist() if (pair := compare(looks[first], looks[second])) is not None
    ]
    pairs.sort(key=lambda pair: (-pair.similarity, pair.first, pair.second))
    return Duplicates(pairs=tuple(pairs), crowded=crowded)


def compare(first: VideoLook, second: VideoLook) -> Duplicate | None:
    """Two videos at the shift at which the most frames agree; None if too few do."""
    shift = _best_shift(first.hashes, second.hashes)
    if shift is None:
        return None
    start, end = max(0, shift), min(len(first.hashes), len(second.hashes) + shift)
    side_by_side = differing(first.hashes[start:end], second.hashes[start - shift : end - shift])
    compared = side_by_side[side_by_side < 64]
    agreeing = compared[compared <= NEAR]
    telling = min(int((first.hashes != 0).sum()), int((second.hashes != 0).sum()))
    if len(agreeing) < min(MATCHES, telling) or len(agreeing) < SHARE * len(compared):
        return None
    return Duplicate(
        first=first.video,
        second=second.video,
        shift=shift,
        matched=len(agreeing),
        compared=len(compared),
        bits=float(agreeing.mean()),
    )


def _best_shift(ours_N: NDArray[np.uint64], theirs_M: NDArray[np.uint64]) -> int | None:
    """The shift at which the most frames agree, the lowest of equals; None if none do. A few rows at a time."""
    counts = np.zeros(len(ours_N) + len(theirs_M), np.int64)
    rows = max(1, _CELLS // max(len(theirs_M), 1))
    for begin in range(0, len(ours_N), rows):
        ours, theirs = np.nonzero(distances(ours_N[begin : begin + rows], theirs_M) <= NEAR)
        counts += np.bincount(ours + begin - theirs + len(theirs_M), minlength=len(counts))
    return int(counts.argmax()) - len(theirs_M) if counts.any() else None


def candidate_pairs(hashes_F: NDArray[np.uint64], *, owners_F: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Owners that have a frame in common, as P x 2 (lower, higher), and how many frames stood in crowded buckets.

    Args:
        hashes_F: of all frames.
        owners_F: a number for each frame, growing; frames of one owner are not compared.
    """
    found = [np.zeros(0, np.int64)]
    crowded_F = np.zeros(len(hashes_F), np.bool_)
    count = int(owners_F[-1]) + 1 if len(owners_F) else 0
    for keys_F in _tables(hashes_F):
        order_F = np.argsort(keys_F, kind="stable")
        first, second, crowded = _neighbours(keys_F[order_F])
        crowded_F[order_F[crowded]] = True
        first, second = order_F[first], order_F[second]
        near = np.bitwise_count(hashes_F[first] ^ hashes_F[second]) <= NEAR
        ours, theirs = owners_F[first[near]], owners_F[second[near]]
        low, high = np.minimum(ours, theirs), np.maximum(ours, theirs)
        found.append(np.unique(low[low < high] * count + high[low < high]))
    both = np.unique(np.concatenate(found))
    return np.stack([both // max(count, 1), both % max(count, 1)], axis=1), int(crowded_F.sum())


def _tables(hashes_F: NDArray[np.uint64]) -> Iterator[NDArray[np.uint32]]:
    """For each table, the 21 bits of every hash by which it sorts."""
    for layout in range(_LAYOUTS):
        bits = rng(0, step=layout, purpose="duplicate tables").permutation(64)
        for band in range(_BANDS):
            keys_F = np.zeros(len(hashes_F), np.uint32)
            for bit in bits[band * _BAND_BITS : (band + 1) * _BAND_BITS].tolist():
                keys_F = keys_F << np.uint32(1) | (hashes_F >> np.uint64(bit) & np.uint64(1)).astype(np.uint32)
            yield keys_F


def _neighbours(
    keys_F: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """All pairs of positions with the same key, of sorted keys, and which positions stand in crowded buckets."""
    starts = np.flatnonzero(np.concatenate([[True], keys_F[1:] != keys_F[:-1]])) if len(keys_F) else np.zeros(0, int)
    sizes = np.diff(np.append(starts, len(keys_F)))
    ends_F = np.repeat(starts + sizes, sizes)
    crowded_F = np.repeat(sizes > _CROWD, sizes)
    at = np.flatnonzero(~crowded_F)
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    step = 1
    while len(at := at[at + step < ends_F[at]]):
        firsts.append(at)
        seconds.append(at + step)
        step += 1
    return np.concatenate(firsts), np.concatenate(seconds), crowded_F


def _telling(look: VideoLook) -> NDArray[np.uint64]:
    """The frames of a video by which it is looked up."""
    shown = np.flatnonzero(look.hashes)
    if not len(shown):
        return look.hashes[:0]
    hashes_N = look.hashes[shown]
    is_new = np.bitwise_count(hashes_N[1:] ^ hashes_N[:-1]) > _SAME
    kept = np.concatenate([[True], is_new])
    if kept.sum() > _MANY:
        kept &= _is_extreme(look.brightness[shown])
    return np.unique(hashes_N[kept])


def _is_extreme(values_N: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a value is the largest or the smallest of those up to `_REACH` before and behind: whatever the start."""
    padded = np.pad(values_N, _REACH, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _REACH + 1)
    extreme: NDArray[np.bool_] = (values_N == around.max(axis=1)) | (values_N == around.min(axis=1))
    return extreme

"""The cost of finding near-duplicates among many videos, on made-up hashes: no video is read.

    python benchmarks/duplicates.py --videos 100000 --frames 60

A made-up video has shots of about eight frames, each with a hash of its own of which a few bits change from frame to
frame. One video in a hundred is a copy of another that begins later and in every frame has up to eight wrong bits.
Real hashes are less evenly spread than these, so more frames meet by chance: with --store the hashes are drawn from the
frames of a store, with a third of their bits turned.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.data.store import ShotStore
from vivi.doctor.duplicates import find_duplicates
from vivi.doctor.look import VideoLook, look_at

COPIES = 100
"""One video in so many is a copy."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=60, help="of a video, on average")
    parser.add_argument("--store", type=Path, help="take the hashes of its frames for a beginning")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    known = np.zeros(0, np.uint64) if given.store is None else real_hashes(given.store)
    looks, copies = made_up(given.videos, frames=given.frames, known=known, rng=rng)
    before = peak_megabytes()
    began = time.perf_counter()
    found = find_duplicates(looks)
    seconds = time.perf_counter() - began
    pairs = {(pair.first, pair.second) for pair in found.pairs}
    total = sum(len(look.hashes) for look in looks)
    print(f"{len(looks)} videos, {total} frames: {seconds:.1f} s, {peak_megabytes() - before:.0f} MB on top")
    print(f"{len(copies & pairs)} of {len(copies)} copies found, {len(pairs - copies)} other pairs")


def real_hashes(store: Path) -> NDArray[np.uint64]:
    opened = ShotStore.open(store)
    looks = look_at(opened, videos=range(opened.info.num_videos), threads=2)
    hashes = np.concatenate([look.hashes for look in looks])
    return np.asarray(hashes[hashes != 0], np.uint64)


def made_up(
    count: int, *, frames: int, known: NDArray[np.uint64], rng: np.random.Generator
) -> tuple[list[VideoLook], set[tuple[int, int]]]:
    looks: list[VideoLook] = []
    copies: set[tuple[int, int]] = set()
    for number in range(count):
        if number % COPIES == COPIES - 1:
            first = int(rng.integers(number))
            whole = looks[first]
            later = int(rng.integers(max(1, len(whole.hashes) // 2)))
            hashes = whole.hashes[later:] ^ wrong_bits(len(whole.hashes) - later, most=8, rng=rng)
            looks.append(look(number, hashes, whole.brightness[later:]))
            copies.add((first, number))
        else:
            length = max(4, int(rng.exponential(frames)))
            hashes = shots(length, known=known, rng=rng) ^ wrong_bits(length, most=6, rng=rng)
            looks.append(look(number, hashes, rng.uniform(0, 255, length).astype(np.float32)))
    return looks, copies


def shots(length: int, *, known: NDArray[np.uint64], rng: np.random.Generator) -> NDArray[np.uint64]:
    """A hash for every frame, the same within a shot."""
    needed = length // 8 + 1
    fresh = rng.integers(1, 2**64, needed, dtype=np.uint64)
    if len(known):
        flips = np.packbits(rng.random((needed, 64)) < 1 / 3, axis=1).view(np.uint64)[:, 0]
        fresh = known[rng.integers(len(known), size=needed)] ^ flips
    return np.repeat(fresh, 8)[:length]


def wrong_bits(length: int, *, most: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    places = np.left_shift(np.uint64(1), rng.integers(0, 64, (length, most)).astype(np.uint64))
    kept = np.where(rng.integers(0, most + 1, (length, 1)) > np.arange(most), places, np.uint64(0))
    return np.asarray(np.bitwise_or.reduce(kept, axis=1), np.uint64)


def look(number: int, hashes: NDArray[np.uint64], brightness: NDArray[np.float32]) -> VideoLook:
    nothing = np.zeros(0, np.float32)
    return VideoLook(number, nothing, nothing, np.zeros(0, np.bool_), hashes, brightness, None)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

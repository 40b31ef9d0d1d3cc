"""Near-duplicates: hashes that survive what copies go through, tables that find what a search of all pairs finds."""

import tracemalloc
from collections import Counter

import cv2
import numpy as np
import pytest
import simplejpeg
from tests.doctor.conftest import scene

from vivi.data.store import ShotStore
from vivi.doctor.duplicates import NEAR, Duplicate, Duplicates, candidate_pairs, compare, find_duplicates
from vivi.doctor.hashes import distances, frame_hash, thumbnail
from vivi.doctor.look import VideoLook, look_at


def hashed(image: np.ndarray) -> np.uint64:
    return frame_hash(thumbnail(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)))


def looked(video: int, hashes: list[int] | np.ndarray) -> VideoLook:
    count = len(hashes)
    return VideoLook(
        video=video,
        distances=np.zeros(max(count - 1, 0), np.float32),
        changes=np.zeros(max(count - 1, 0), np.float32),
        is_black=np.zeros(count, np.bool_),
        hashes=np.array(hashes, np.uint64),
        brightness=np.arange(count, dtype=np.float32),
        borders=None,
    )


def slow_hash(grey: np.ndarray) -> int:
    """The transform written out as sums of cosines."""
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    places = np.arange(32)
    waves = np.array([np.cos(np.pi * (2 * places + 1) * k / 64) for k in range(8)])
    scale = np.array([np.sqrt(1 / 32)] + [np.sqrt(2 / 32)] * 7)
    values = [scale[v] * scale[u] * (np.outer(waves[v], waves[u]) * small).sum() for v in range(8) for u in range(8)]
    middle = np.median(values[1:])
    return sum(1 << bit for bit, value in enumerate(values) if value > middle)


def test_the_hash_against_sums_of_cosines():
    for seed in range(3):
        grey = cv2.cvtColor(scene(seed, frames=1, height=120, width=200)[0], cv2.COLOR_RGB2GRAY)
        ours = int(frame_hash(thumbnail(grey)))
        # the median itself is one of the values, and float32 may put it on either side
        assert (ours ^ slow_hash(grey)).bit_count() <= 1


def test_a_hash_survives_what_copies_go_through():
    images = [scene(seed, frames=1, height=144, width=256)[0] for seed in range(20)]
    for image in images:
        again = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(image, quality=20))
        small = cv2.resize(image, (96, 54), interpolation=cv2.INTER_AREA)
        brighter = np.clip(image.astype(np.float32) * 0.8 + 20, 0, 255).astype(np.uint8)
        cut = np.ascontiguousarray(image[2:-2, 4:-4])
        for copy in (again, small, brighter, cut):
            assert (hashed(image) ^ hashed(copy)).bit_count() <= NEAR
    all_N = np.array([hashed(image) for image in images])
    others = distances(all_N, all_N)[~np.eye(len(images), dtype=bool)]
    assert others.min() > NEAR
    assert others.mean() == pytest.approx(32, abs=3)


def test_a_picture_of_nothing_is_like_no_other():
    grey = np.full((40, 40), 90, np.float32)
    assert frame_hash(thumbnail(grey.astype(np.uint8))) == 0
    assert distances(np.array([0, 5], np.uint64), np.array([0, 7], np.uint64)).tolist() == [[64, 64], [64, 1]]


def test_two_videos_are_laid_side_by_side():
    rng = np.random.default_rng(0)
    frames = rng.integers(1, 2**63, 12, dtype=np.uint64)
    first, second = looked(3, frames), looked(8, [*(frames[4:] ^ np.uint64(0b111)), *rng.integers(1, 2**63, 3)])
    assert compare(first, second) == Duplicate(first=3, second=8, shift=4, matched=8, compared=8, bits=3.0)
    assert compare(second, first) == Duplicate(first=8, second=3, shift=-4, matched=8, compared=8, bits=3.0)
    assert compare(first, second).similarity == pytest.approx(1 - 3 / 64)
    two = looked(9, [*frames[:2], *rng.integers(1, 2**63, 10)])
    assert compare(first, two) is None, "two frames of twelve are chance"
    assert compare(looked(0, frames[:2]), looked(1, frames[:2])) is not None, "two of two are all there is"
    assert compare(looked(0, [0, 0]), looked(1, [0, 0])) is None
    scattered = [each for frame in frames[:4] for each in (frame, *rng.integers(1, 2**63, 2))]
    assert compare(looked(0, scattered), looked(1, np.repeat(frames[:4], 3))) is not None


def test_the_tables_find_what_comparing_all_finds():
    rng = np.random.default_rng(1)
    frames = rng.integers(1, 2**64, 3000, dtype=np.uint64)
    owners = np.repeat(np.arange(300), 10)
    expected = set()
    for copy in range(40):  # video 200 + n has frames of video n, with up to six bits changed
        for frame in range(10):
            wrong = rng.choice(64, rng.integers(0, 7), replace=False)
            frames[10 * (200 + copy) + frame] = frames[10 * copy + frame] ^ np.bitwise_or.reduce(
                np.left_shift(np.uint64(1), wrong.astype(np.uint64)), initial=np.uint64(0)
            )
        expected.add((copy, 200 + copy))
    found, crowded = candidate_pairs(frames, owners_F=owners)
    assert {tuple(pair) for pair in found.tolist()} == expected
    assert crowded == 0


def test_crowded_buckets_are_left_out_and_counted():
    frames = np.full(700, 12345, np.uint64)
    found, crowded = candidate_pairs(frames, owners_F=np.arange(700))
    assert (len(found), crowded) == (0, 700)
    found, crowded = candidate_pairs(frames[:400], owners_F=np.arange(400))
    assert (len(found), crowded) == (400 * 399 // 2, 0)
    found, crowded = candidate_pairs(np.zeros(0, np.uint64), owners_F=np.zeros(0, np.int64))
    assert (found.shape, crowded) == ((0, 2), 0)


def test_groups_are_what_hangs_together():
    pairs = tuple(Duplicate(a, b, 0, 3, 3, 0.0) for a, b in ((1, 4), (7, 9), (4, 6)))
    assert Duplicates(pairs, crowded=0).groups == [[1, 4, 6], [7, 9]]
    assert Duplicates((), crowded=0).groups == []


def test_long_videos_are_found_by_their_brightest_and_darkest_frames():
    rng = np.random.default_rng(2)
    frames, light = rng.integers(1, 2**63, 300, dtype=np.uint64), rng.uniform(0, 255, 300).astype(np.float32)
    whole, later = looked(0, frames), looked(1, frames[37:280])
    whole.brightness[:], later.brightness[:] = light, light[37:280]
    (pair,) = find_duplicates([whole, later]).pairs
    assert (pair.shift, pair.matched) == (37, 243)


def test_copies_in_a_store_are_found(make_store):
    shots = {seed: [scene(seed, frames=6), scene(seed + 50, frames=5)] for seed in range(8)}
    videos = {f"video{seed}.mp4": each for seed, each in shots.items()}
    small = [[cv2.resize(image, (48, 36), interpolation=cv2.INTER_AREA) for image in shot] for shot in shots[2]]
    videos |= {"small.mp4": small, "later.mp4": [shots[5][0][3:], shots[5][1]]}
    store = ShotStore.open(make_store(videos))
    numbers = {store.video_path(video): video for video in range(store.info.num_videos)}
    found = find_duplicates(look_at(store, videos=range(store.info.num_videos), threads=2))
    pairs = {(pair.first, pair.second): pair.shift for pair in found.pairs}
    assert pairs == {
        (numbers["small.mp4"], numbers["video2.mp4"]): 0,
        (numbers["later.mp4"], numbers["video5.mp4"]): -3,
    }


def test_two_videos_of_hours_are_compared_in_little_memory():
    rng = np.random.default_rng(0)
    hashes_N = rng.integers(1, 1 << 63, 6000).astype(np.uint64)
    first, second = looked(0, hashes_N), looked(1, hashes_N[500:5500])
    tracemalloc.start()
    found = compare(first, second)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == Duplicate(first=0, second=1, shift=500, matched=5000, compared=5000, bits=0.0)
    assert most < 64 << 20  # all pairs at once would be 240 MB


def test_the_shift_is_that_of_all_pairs_at_once(monkeypatch):
    rng = np.random.default_rng(1)
    monkeypatch.setattr("vivi.doctor.duplicates._CELLS", 50)
    compared = 0
    for _ in range(30):
        some, shown = rng.integers(0, 1 << 63, 9), rng.integers(0, 2, 25)
        hashes_N = (rng.choice(some, 25) * shown).astype(np.uint64)
        first, second = looked(0, hashes_N), looked(1, rng.permuted(hashes_N)[:20])
        votes = Counter(
            i - j for i, a in enumerate(first.hashes) for j, b in enumerate(second.hashes)
            if a and b and (int(a) ^ int(b)).bit_count() <= NEAR
        )  # fmt: skip
        found = compare(first, second)
        if found is not None:
            compared += 1
            assert found.shift == min(shift for shift, count in votes.items() if count == max(votes.values()))
            assert found.matched == votes[found.shift]
    assert compared > 10

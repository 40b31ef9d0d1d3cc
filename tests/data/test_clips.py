"""Which frames a sample shows, against loops."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivi.core.config import build, dump, load
from vivi.core.errors import ConfigError
from vivi.data.clips import ConsecutiveShots, RepeatedFrame, Sampling, SingleShots, num_videos_for
from vivi.data.records import ShotTable

VIDEOS = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=8)


def table_of(videos: list[list[int]]) -> ShotTable:
    starts = np.cumsum([0, *(len(shots) for shots in videos)])
    firsts = [sum(shots[:index]) for shots in videos for index in range(len(shots))]
    lengths = [length for shots in videos for length in shots]
    return ShotTable(starts.astype(np.int64), np.array(firsts, dtype=np.int64), np.array(lengths, dtype=np.int64))


def slow_windows(shots: list[int], *, k: int, length: int) -> list[int]:
    return [start for start in range(len(shots) - k + 1) if all(n >= length for n in shots[start : start + k])]


@settings(max_examples=200, deadline=None)
@given(VIDEOS, st.integers(1, 5), st.integers(1, 6))
def test_eligible_videos_are_those_with_a_window(videos, k, length):
    expected = [number for number, shots in enumerate(videos) if slow_windows(shots, k=k, length=length)]
    assert num_videos_for(table_of(videos), shots=k, frames=length) == len(expected)
    sampling = ConsecutiveShots(shots=k, frames=length)
    if expected:
        assert sampling.eligible(table_of(videos)).tolist() == expected
    else:
        with pytest.raises(ConfigError):
            sampling.eligible(table_of(videos))


@settings(max_examples=100, deadline=None)
@given(VIDEOS, st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_a_clip_is_consecutive_frames_of_neighbouring_shots(videos, k, length, step):
    table = table_of(videos)
    sampling = ConsecutiveShots(shots=k, frames=length)
    for video in sampling.eligible(table) if num_videos_for(table, shots=k, frames=length) else ():
        clip = sampling.draw(int(video), table, seed=1, step=step)
        again = sampling.draw(int(video), table, seed=1, step=step)
        assert clip.video == video
        assert clip.frame_numbers_KL.shape == (k, length)
        assert np.array_equal(clip.frame_numbers_KL, again.frame_numbers_KL)
        spans = [(shot.first, shot.first + shot.length) for shot in table.shots(int(video))]
        held_by = []
        for numbers in clip.frame_numbers_KL.tolist():
            assert numbers == list(range(numbers[0], numbers[0] + length))
            held_by += [i for i, (a, b) in enumerate(spans) if a <= numbers[0] and numbers[-1] < b]
        assert held_by == list(range(held_by[0], held_by[0] + k))


def test_windows_and_starts_are_uniform():
    table = table_of([[9], [4, 3, 1, 5, 3]])
    sampling = ConsecutiveShots(shots=2, frames=3)
    drawn = Counter(
        tuple(sampling.draw(1, table, seed=0, step=step).frame_numbers_KL[:, 0].tolist()) for step in range(6000)
    )
    # Windows: shots 0 and 1 (starts 0,1 and 4), shots 3 and 4 (starts 8,9,10 and 13).
    expected = {(0, 4): 1500, (1, 4): 1500, (8, 13): 1000, (9, 13): 1000, (10, 13): 1000}
    assert set(drawn) == set(expected)
    assert all(abs(drawn[key] - count) < 5 * count**0.5 for key, count in expected.items())


def test_single_shots_are_all_long_enough_shots():
    table = table_of([[2, 5], [], [1], [4, 9]])
    sampling = SingleShots(frames=4)
    assert sampling.shots == 1
    assert sampling.eligible(table).tolist() == [1, 3, 4]
    videos = [sampling.draw(shot, table, seed=0, step=0).video for shot in (1, 3, 4)]
    assert videos == [0, 3, 3]
    starts = Counter(int(sampling.draw(4, table, seed=0, step=step).frame_numbers_KL[0, 0]) for step in range(1200))
    assert set(starts) == set(range(4, 10))
    assert all(abs(count - 200) < 75 for count in starts.values())


def test_a_repeated_frame_is_fixed_by_the_seed_and_uniform_over_the_video():
    table = table_of([[3, 2], [], *([[1, 4, 5]] * 2000)])
    sampling = RepeatedFrame(frames=3)
    assert sampling.shots == 1
    assert sampling.eligible(table).tolist() == [0, *range(2, 2002)]
    clips = [sampling.draw(video, table, seed=5, step=0) for video in range(2, 2002)]
    assert all(len(set(clip.frame_numbers_KL.ravel().tolist())) == 1 for clip in clips)
    later = [sampling.draw(video, table, seed=5, step=77).frame_numbers_KL for video in range(2, 2002)]
    assert all(np.array_equal(a.frame_numbers_KL, b) for a, b in zip(clips, later, strict=True))
    other = [sampling.draw(video, table, seed=6, step=0).frame_numbers_KL for video in range(2, 2002)]
    assert any(not np.array_equal(a.frame_numbers_KL, b) for a, b in zip(clips, other, strict=True))
    counts = Counter(int(clip.frame_numbers_KL[0, 0]) for clip in clips)
    assert set(counts) == set(range(10))
    assert all(abs(count - 200) < 75 for count in counts.values())


@pytest.mark.parametrize(
    ("videos", "said"),
    [
        ([[9, 9, 2], [3, 3, 3, 4]], "K=2 at L=8 (--set sampling.shots=2) or K=4 at L=3 (--set sampling.frames=3)"),
        ([[9, 9, 2]], "the store allows K=2 at L=8 (--set sampling.shots=2); or ingest with a higher --fps"),
        ([[5, 5, 5, 5]], "the store allows K=4 at L=5 (--set sampling.frames=5); or"),
        ([[5, 5], []], "its longest shot has 5 frames; or"),
        ([[]], "its longest shot has 0 frames; or"),
    ],
)
def test_too_short_videos_are_answered_with_what_is_possible(videos, said):
    with pytest.raises(ConfigError) as caught:
        ConsecutiveShots(shots=4, frames=8).eligible(table_of(videos))
    assert said in str(caught.value)
    assert "4 consecutive shots of at least 8 frames" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_short_shots_and_an_empty_store_are_refused():
    with pytest.raises(ConfigError, match=r"no shot of the store has 8 frames; the store allows K=1 at L=5"):
        SingleShots(frames=8).eligible(table_of([[5, 2]]))
    with pytest.raises(ConfigError, match="the store has no frames"):
        RepeatedFrame(frames=8).eligible(table_of([[]]))


@pytest.mark.parametrize("sampling", [ConsecutiveShots(shots=2), SingleShots(frames=3), RepeatedFrame()])
def test_configurations_survive_a_round_trip(sampling):
    assert load(dump(sampling), Sampling) == sampling


def test_zero_frames_are_refused():
    with pytest.raises(ConfigError, match="frames: must be at least 1"):
        build(ConsecutiveShots, {"frames": 0}, source="test")


def test_a_million_videos_are_counted_quickly():
    lengths = np.random.default_rng(0).integers(1, 20, 5_000_000)
    table = ShotTable(np.arange(0, 5_000_001, 5), np.zeros(5_000_000, np.int64), lengths)
    assert 0 < num_videos_for(table, shots=4, frames=8) < 1_000_000

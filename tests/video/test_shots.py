"""Shots: histograms against a loop over pixels, spans that cover every frame, files of known cuts, scores."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivi.core.config import dump, load
from vivi.core.errors import ConfigError, ViviError
from vivi.video.boundaries import BoundaryScore, match_boundaries
from vivi.video.cuts import CutsError, read_cuts
from vivi.video.shots import (
    FixedWindows,
    HistogramShots,
    KnownCuts,
    ShotMethod,
    WholeVideo,
    colour_histogram,
    first_frames,
    half_l1,
)
from vivi.video.shots_flag import shot_method

RED, GREEN, BLUE = (np.full((6, 8, 3), colour, np.uint8) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250)))


def spans(method: ShotMethod, images: list[np.ndarray], *, seconds: list[float] | None = None, video: str = "a.mp4"):
    signatures = [method.signature(image) for image in images]
    return method.spans(signatures, seconds=seconds or [float(i) for i in range(len(images))], video=video)


@pytest.mark.parametrize("bits", [1, 3, 4, 5])
def test_histogram_counts_pixels(bits: int) -> None:
    image_HWC = np.random.default_rng(bits).integers(0, 256, (11, 17, 3), dtype=np.uint8)
    counts = np.zeros(2 ** (3 * bits))
    for red, green, blue in image_HWC.reshape(-1, 3).tolist():
        counts[((red >> (8 - bits)) << 2 * bits) + ((green >> (8 - bits)) << bits) + (blue >> (8 - bits))] += 1
    np.testing.assert_allclose(colour_histogram(image_HWC, bits=bits), counts / (11 * 17), rtol=1e-6)


def test_distance_is_between_0_and_1() -> None:
    red, green = colour_histogram(RED, bits=4), colour_histogram(GREEN, bits=4)
    half = colour_histogram(np.concatenate([RED, GREEN]), bits=4)
    assert half_l1(red, red) == 0
    assert half_l1(red, green) == pytest.approx(1)
    assert half_l1(red, half) == pytest.approx(0.5)


def test_distance_does_not_depend_on_size() -> None:
    large = np.repeat(np.repeat(RED, 7, axis=0), 5, axis=1)
    assert half_l1(colour_histogram(RED, bits=4), colour_histogram(large, bits=4)) == pytest.approx(0, abs=1e-6)


def test_distances_are_those_of_whole_histograms() -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256 // dark, (20, 20, 3)).astype(np.uint8) for dark in (1, 3, 2, 5, 4)]
    method = HistogramShots()
    whole = [colour_histogram(image, bits=4) for image in images]
    expected = [half_l1(before, after) for before, after in itertools.pairwise(whole)]
    assert method.distances([method.signature(image) for image in images]) == pytest.approx(expected)


def test_cuts_lie_where_colours_change() -> None:
    images = [RED, RED, GREEN, GREEN, GREEN, BLUE]
    assert spans(HistogramShots(), images) == ((0, 2), (2, 3), (5, 1))
    assert spans(HistogramShots(threshold=1.0), images) == ((0, 6),)
    assert spans(HistogramShots(min_frames=2), images) == ((0, 2), (2, 4))
    assert spans(HistogramShots(min_frames=3), images) == ((0, 6),)
    assert spans(HistogramShots(), []) == ()
    assert spans(HistogramShots(), [RED]) == ((0, 1),)


def test_the_threshold_itself_is_no_cut() -> None:
    half = np.concatenate([RED[:3], GREEN[:3]])
    assert spans(HistogramShots(threshold=0.5), [RED, half]) == ((0, 2),)
    assert spans(HistogramShots(threshold=0.49), [RED, half]) == ((0, 1), (1, 1))


def test_whole_video_and_windows() -> None:
    images = [RED, GREEN] * 5
    assert spans(WholeVideo(), images) == ((0, 10),)
    assert spans(FixedWindows(seconds=4), images) == ((0, 4), (4, 4), (8, 2))
    assert spans(FixedWindows(seconds=0.3), images, seconds=[i / 10 for i in range(10)]) == (
        (0, 3),
        (3, 3),
        (6, 3),
        (9, 1),
    )
    assert spans(FixedWindows(seconds=1), images[:3], seconds=[0, 0.5, 7]) == ((0, 2), (2, 1))


@given(
    st.lists(st.floats(0.01, 5), min_size=1, max_size=40),
    st.sampled_from([WholeVideo(), FixedWindows(seconds=2.5), HistogramShots(), HistogramShots(min_frames=4)]),
)
def test_spans_cover_every_frame_once(steps: list[float], method: ShotMethod) -> None:
    images = [(RED, GREEN, BLUE)[int(step * 10) % 3] for step in steps]
    found = spans(method, images, seconds=np.cumsum(steps).tolist())
    assert [frame for first, length in found for frame in range(first, first + length)] == list(range(len(steps)))
    assert all(length > 0 for _, length in found)


def test_known_cuts(tmp_path: Path) -> None:
    file = tmp_path / "cuts.csv"
    file.write_text('path,seconds\na.mp4,2.4\na.mp4,4\na.mp4,4.3\na.mp4,4.6\na.mp4,99\n"b, c.mp4",1\nnone.mp4,\n')
    images = [RED] * 7
    method = KnownCuts(file=str(file))
    assert spans(method, images) == ((0, 3), (3, 1), (4, 1), (5, 2))
    assert spans(method, images, video="b, c.mp4") == ((0, 1), (1, 6))
    assert spans(method, images, video="none.mp4") == ((0, 7),)
    with pytest.raises(CutsError, match=r"does not name 'd\.mp4'"):
        spans(method, images, video="d.mp4")


def test_known_cuts_as_json_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "cuts.json").write_text(json.dumps({"a.mp4": [4, 2.5], "b.mp4": []}))
    (tmp_path / "cuts.csv").write_text("path,seconds\na.mp4,4\na.mp4,2.5\nb.mp4,\n")
    assert read_cuts(tmp_path / "cuts.json") == read_cuts(tmp_path / "cuts.csv") == {"a.mp4": (2.5, 4), "b.mp4": ()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a file of cuts"),
        ("video,time\na,1\n", "is not a file of cuts"),
        ("path,seconds\na.mp4\n", "line 2"),
        ("path,seconds\na.mp4,1\na.mp4,soon\n", "line 3: 'soon'"),
        ("path,seconds\na.mp4,-1\n", "line 2: '-1'"),
        ("path,seconds\na.mp4,nan\n", "line 2: 'nan'"),
        ("{", "not valid JSON"),
        ('{"a.mp4": ' + "[" * 100_000, "not valid JSON"),
        (f'path,seconds\n"{"a" * 200_000}",1\n', "is not a file of cuts"),
        ('{"a.mp4": 3}', "list of seconds"),
        ('{"a.mp4": ["x"]}', r"'a\.mp4': 'x'"),
        (f'{{"a.mp4": [1{"0" * 400}]}}', r"'a\.mp4': 10+ is no time in seconds"),
    ],
)
def test_wrong_files_of_cuts_say_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "cuts").write_text(text)
    with pytest.raises(CutsError, match=said) as caught:
        shot_method(str(tmp_path / "cuts"))
    assert "\n" not in str(caught.value)


def test_a_changed_file_of_cuts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cuts.csv"
    file.write_text("path,seconds\na.mp4,2\n")
    method = shot_method(str(file))
    file.write_text("path,seconds\na.mp4,3\n")
    with pytest.raises(CutsError, match="has changed"):
        spans(method, [RED] * 5)


def test_a_cut_begins_at_the_first_frame_at_or_behind_it() -> None:
    assert first_frames([0, 1, 2, 3], cuts=[0.5, 1.0, 1.0004, 1.5, 1.7]) == [1, 2]
    assert first_frames([0, 1, 2], cuts=[0, 2.5, 9]) == []
    assert first_frames([], cuts=[1]) == []


def test_shot_method_reads_the_command_line(tmp_path: Path) -> None:
    assert shot_method("hist") == HistogramShots()
    assert shot_method("none") == WholeVideo()
    assert shot_method("2.5") == FixedWindows(seconds=2.5)
    (tmp_path / "c.csv").write_text("path,seconds\n")
    method = shot_method(str(tmp_path / "c.csv"))
    assert isinstance(method, KnownCuts)
    assert load(dump(method), ShotMethod) == method
    for text in ("0", "-1", "nan", "inf"):
        with pytest.raises(ConfigError, match="more than 0 seconds"):
            shot_method(text)
    with pytest.raises(ViviError, match=r"hist .* none .* seconds .* file"):
        shot_method("histogram")


def test_matching_is_one_to_one_within_the_tolerance() -> None:
    score = match_boundaries([3, 10, 11, 30], [4, 10, 20], tolerance=1)
    assert score == BoundaryScore(true_positives=2, false_positives=2, false_negatives=1)
    assert (score.precision, score.recall, score.f1) == (0.5, pytest.approx(2 / 3), pytest.approx(4 / 7))
    assert match_boundaries([4], [3, 5], tolerance=1) == BoundaryScore(true_positives=1, false_negatives=1)
    assert match_boundaries([], [], tolerance=1).f1 == 1
    assert match_boundaries([], [1], tolerance=1).f1 == 0
    assert score + score == BoundaryScore(true_positives=4, false_positives=4, false_negatives=2)


@given(st.sets(st.integers(0, 12), max_size=5), st.sets(st.integers(0, 12), max_size=5), st.integers(0, 2))
def test_matching_finds_as_many_pairs_as_there_can_be(found: set[int], true: set[int], tolerance: int) -> None:
    few, many = sorted((sorted(found), sorted(true)), key=len)
    best = max(
        sum(abs(a - b) <= tolerance for a, b in zip(few, chosen, strict=True))
        for chosen in itertools.permutations(many, len(few))
    )
    assert match_boundaries(sorted(found), sorted(true), tolerance=tolerance).true_positives == best

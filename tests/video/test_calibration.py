"""Thresholds from distances and from known cuts, against slow searches."""

import numpy as np
import pytest

from vivi.video.boundaries import BoundaryScore, match_boundaries
from vivi.video.calibration import LEAST, KnownVideo, fit, split


def slow_split(distances):
    """Every place between two values: the variance between the means of both sides."""
    values = sorted(float(each) for each in distances)
    best = (-1.0, 0.0)
    for place in range(1, len(values)):
        low, high = values[:place], values[place:]
        if low[-1] == high[0]:
            continue
        shares = len(low) / len(values), len(high) / len(values)
        between = shares[0] * shares[1] * (np.mean(low) - np.mean(high)) ** 2
        if between > best[0] + 1e-12:
            best = (between, (low[-1] + high[0]) / 2)
    return best[1], best[0] / np.var(values)


@pytest.mark.parametrize("seed", range(5))
def test_the_split_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    near, far = rng.normal(0.15, 0.08, 60), rng.normal(0.7, 0.1, 5 + 10 * seed)
    distances = np.clip(np.concatenate([near, far]), 0, 1).astype(np.float32)
    found = split(distances)
    threshold, separation = slow_split(distances)
    assert found.threshold == pytest.approx(threshold, abs=1e-6)
    assert found.separation == pytest.approx(separation)
    assert found.above == int((distances > found.threshold).sum())


def test_two_humps_part_and_one_does_not():
    rng = np.random.default_rng(0)
    two = np.concatenate([rng.uniform(0, 0.3, 500), rng.uniform(0.6, 1, 100)]).astype(np.float32)
    assert 0.3 <= split(two).threshold <= 0.6
    assert split(two).separation > 0.85
    # of a normal distribution the halves have 2 / pi of the variance between them, of a uniform one 3 / 4
    normal = np.clip(rng.normal(0.4, 0.08, 20_000), 0, 1).astype(np.float32)
    assert split(normal).separation == pytest.approx(2 / np.pi, abs=0.02)
    assert split(rng.uniform(0, 1, 20_000).astype(np.float32)).separation == pytest.approx(0.75, abs=0.02)


def test_what_cannot_be_split():
    assert split(np.zeros(0, np.float32)) is None
    assert split(np.full(100, 0.25, np.float32)) is None
    assert split(np.linspace(0, 1, LEAST - 1, dtype=np.float32)) is None
    assert split(np.linspace(0, 1, LEAST, dtype=np.float32)) is not None


def test_the_fit_is_the_best_of_all_thresholds():
    rng = np.random.default_rng(3)
    videos = []
    for _ in range(4):
        true = sorted(rng.choice(np.arange(1, 40), 5, replace=False).tolist())
        distances = rng.uniform(0, 0.6, 39).astype(np.float32)
        distances[[cut - 1 for cut in true]] += 0.25
        videos.append(KnownVideo(distances, true))
    found = fit(videos, tolerance=0)

    def score(threshold):
        each = ([i + 1 for i, d in enumerate(video.distances) if d > threshold] for video in videos)
        return sum(
            (match_boundaries(cuts, video.true, tolerance=0) for cuts, video in zip(each, videos, strict=True)),
            BoundaryScore(),
        )

    assert found.score == score(found.threshold)
    assert found.score.f1 == pytest.approx(max(score(threshold).f1 for threshold in np.linspace(0, 1, 2001)), abs=1e-9)
    assert [threshold for threshold, _ in found.tried] == sorted({threshold for threshold, _ in found.tried})


def test_of_equally_good_thresholds_the_middle_one():
    video = KnownVideo(np.array([0.1, 0.9, 0.2, 0.8], np.float32), [2, 4])
    assert fit([video], tolerance=0).threshold == pytest.approx(0.5)
    assert fit([video], tolerance=0).score.f1 == 1
    assert fit([], tolerance=1) is None
    assert fit([KnownVideo(np.zeros(0, np.float32), [])], tolerance=1) is None

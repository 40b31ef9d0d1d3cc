"""A threshold for `HistogramShots` from the distances themselves, or from known cuts. Pure over numbers.

Without known cuts: the threshold that best splits the distances into two classes, by Otsu's criterion (A threshold
selection method from gray-level histograms, 1979): the variance between the two means, weighted by their shares, is
largest. It always gives an answer; `separation` says how far to trust it. With known cuts: the threshold with the best
F1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivi.video.boundaries import BoundaryScore, match_boundaries

TRIED = 200
"""Thresholds that are compared with known cuts, at most."""
LEAST = 20
"""Distances without which there is nothing to split."""


@dataclass(frozen=True, slots=True)
class Split:
    """The distances in two classes."""

    threshold: float
    separation: float
    """The variance between the classes as a share of the whole variance, 0 to 1; even one hump that falls off on both
    sides alike has 0.64."""
    above: int
    """Distances above the threshold."""


@dataclass(frozen=True, slots=True)
class KnownVideo:
    """One video whose cuts are known."""

    distances: NDArray[np.float32]
    """N-1, of neighbouring frames."""
    true: Sequence[int]
    """Numbers of the frames that begin a shot."""

    def score(self, threshold: float, *, tolerance: int) -> BoundaryScore:
        """The cuts over the threshold against the true ones, `tolerance` in frames."""
        found = np.flatnonzero(self.distances > threshold) + 1
        return match_boundaries(found.tolist(), self.true, tolerance=tolerance)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The best threshold for known cuts."""

    threshold: float
    score: BoundaryScore
    """With it."""
    tried: tuple[tuple[float, float], ...]
    """(threshold, F1), by threshold."""


def split(distances_N: NDArray[np.float32]) -> Split | None:
    """The two classes of distances; None where there are too few, or all are the same."""
    ordered = np.sort(distances_N.astype(np.float64))
    places = np.flatnonzero(np.diff(ordered) > 0)
    if len(ordered) < LEAST or not len(places):
        return None
    below = places + 1.0
    total, count = ordered.sum(), len(ordered)
    sums = np.cumsum(ordered)[places]
    between = (sums / below - total / count) ** 2 * below / (count - below)
    best = int(between.argmax())
    place = places[best]
    return Split(
        threshold=float((ordered[place] + ordered[place + 1]) / 2),
        separation=float(between[best] / ordered.var()),
        above=int(count - below[best]),
    )


def fit(videos: Sequence[KnownVideo], *, tolerance: int) -> Fitted | None:
    """The threshold with the best F1 over all videos together; the middle one where several are equally good.

    Args:
        videos: with their cuts.
        tolerance: stored frames by which a found cut may miss a true one.

    Returns:
        None where no video has two frames.
    """
    distances = np.unique(np.concatenate([np.zeros(0, np.float32), *(each.distances for each in videos)]))
    if not len(distances):
        return None
    thresholds = _between(distances.astype(np.float64))
    scores = [_total(videos, float(threshold), tolerance) for threshold in thresholds]
    f1 = np.array([score.f1 for score in scores])
    at = _middle(f1 >= f1.max())
    return Fitted(
        threshold=float(thresholds[at]),
        score=scores[at],
        tried=tuple(zip(thresholds.tolist(), f1.tolist(), strict=True)),
    )


def _total(videos: Sequence[KnownVideo], threshold: float, tolerance: int) -> BoundaryScore:
    return sum((each.score(threshold, tolerance=tolerance) for each in videos), BoundaryScore())


def _between(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thresholds between neighbouring distances, and below and above all; evenly chosen where there are too many."""
    edges = np.concatenate([[0.0], distances, [1.0]])
    middles = np.unique((edges[1:] + edges[:-1]) / 2)
    chosen = np.unique(np.linspace(0, len(middles) - 1, min(TRIED, len(middles))).round().astype(int))
    return np.asarray(middles[chosen], np.float64)


def _middle(is_best: NDArray[np.bool_]) -> int:
    """The middle of the longest run; of the first one where there are several."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_best.astype(np.int8), [0]])))
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return int(starts[longest] + ends[longest] - 1) // 2

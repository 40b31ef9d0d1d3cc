"""What the store's own frames say about the threshold of `--shots hist`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivi.data.store import ShotStore
from vivi.doctor.look import VideoLook
from vivi.report.agreement import TOLERANCE, Agreement
from vivi.video.boundaries import BoundaryScore
from vivi.video.calibration import Fitted, KnownVideo, Split, fit, split
from vivi.video.shots import HistogramShots

TRUSTED = 0.78
"""Separation from which the split is believed. One hump gives less whatever its shape: a normal distribution 0.64, an
exponential one 0.65, a uniform one 0.75."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The distances of neighbouring stored frames, and the thresholds that they suggest."""

    distances: NDArray[np.float32]
    """Of all neighbours within the videos that were looked at."""
    now: float | None
    """Of the store, where its shots were found by `--shots hist`."""
    split: Split | None
    """From the distances alone; None where they cannot be split."""
    fitted: Fitted | None
    """From known cuts; None where there are none."""
    known: int
    """Videos with known cuts."""
    score_now: BoundaryScore | None
    """Against the known cuts, with `used`; None where there are none."""

    @property
    def used(self) -> float:
        """The threshold of the store, or the default where it has none."""
        return HistogramShots().threshold if self.now is None else self.now

    @property
    def is_trusted(self) -> bool:
        """Whether the split shows two classes."""
        return self.split is not None and self.split.separation >= TRUSTED

    @property
    def suggested(self) -> float | None:
        """The threshold to use: from known cuts, else from a split that is believed; None: keep the present one."""
        if self.fitted is not None:
            return self.fitted.threshold
        return self.split.threshold if self.split is not None and self.is_trusted else None


def calibrate(store: ShotStore, looks: Sequence[VideoLook], *, agreement: Agreement | None) -> Threshold:
    """From the looks, and from the known cuts where there are some."""
    distances = np.concatenate([np.zeros(0, np.float32), *(look.distances for look in looks)])
    now = store_threshold(store)
    videos = [] if agreement is None else [
        KnownVideo(look.distances, agreement.videos[look.video].true)
        for look in looks
        if look.video in agreement.videos
    ]  # fmt: skip
    used = HistogramShots().threshold if now is None else now
    scores = [each.score(used, tolerance=TOLERANCE) for each in videos]
    return Threshold(
        distances=distances,
        now=now,
        split=split(distances),
        fitted=fit(videos, tolerance=TOLERANCE),
        known=len(videos),
        score_now=sum(scores, BoundaryScore()) if scores else None,
    )


def store_threshold(store: ShotStore) -> float | None:
    """The threshold with which the store's shots were found; None where they were found in another way."""
    shots = store.info.settings.get("shots") if isinstance(store.info.settings, dict) else None
    while isinstance(shots, dict):
        if str(shots.get("class")).endswith(":HistogramShots"):
            threshold = shots.get("threshold")
            return float(threshold) if isinstance(threshold, int | float) else None
        shots = shots.get("method")
    return None

"""Cuts found at the full frame rate: every frame of the file is decoded, however few of them are stored.

That costs as much as decoding the whole file once, on top of the ingest itself; `docs/doctor.md` has it measured. Cuts
come out as seconds, so the frames that are stored stay those of any other method.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vivi.core.config import config
from vivi.video.decode import TimedFrame, sample_frames
from vivi.video.shots import CutsAt, ShotMethod, Signature, colour_histogram, half_l1

_EVERY = 1000.0
"""Samples a second that miss no frame of any usual video."""
_SIDE = 128
"""Pixels of the shorter side of the frames that are looked at."""


@config
class EveryFrame(ShotMethod):
    """Base of the methods that look at every frame of the file."""

    @abstractmethod
    def cuts(self, frames: Iterable[TimedFrame]) -> list[float]:
        """Seconds at which the first frame of each new shot is shown, growing."""

    def of_video(self, file: Path, *, video: str) -> ShotMethod:  # noqa: ARG002
        """The cuts that every frame of this file shows.

        Raises:
            DecodeError: the file cannot be decoded whole.
        """
        return CutsAt(seconds=tuple(self.cuts(sample_frames(file, fps=_EVERY, short_side=_SIDE, decode_all=True))))

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:  # noqa: ARG002
        """Not from stored frames alone; `of_video` gives what does it."""
        raise ValueError(f"{type(self).__name__} looks at files: ask what `of_video` returns")


@config
class FullRateShots(EveryFrame):
    """Sudden cuts at the full frame rate, by the colour histograms of neighbouring frames.

    A cut is the largest distance within `reach`, above the threshold and well above what is usual around it: hand-held
    and fast pictures differ from frame to frame too, but for many frames. Fades and dissolves are slow and are not
    found. The numbers are ours; `benchmarks/shots.py` has the videos on which they were chosen.
    """

    bits: Annotated[int, Field(ge=1, le=5)] = 4
    """Most significant bits kept of each channel."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Half the L1 distance of the histograms of neighbouring frames, at least."""
    contrast: Annotated[float, Field(ge=0)] = 3.0
    """Times the median of the distances around it, at least."""
    reach: Annotated[float, Field(gt=0)] = 0.5
    """Seconds before and behind that count as around."""

    def cuts(self, frames: Iterable[TimedFrame]) -> list[float]:
        """The times of sudden changes."""
        seconds: list[float] = []

        def histograms() -> Iterable[NDArray[np.float32]]:
            for second, image_HWC in frames:
                seconds.append(second)
                yield colour_histogram(image_HWC, bits=self.bits)

        distances = np.array([half_l1(before, after) for before, after in pairwise(histograms())])
        return sudden_changes(
            distances,
            seconds=np.array(seconds[1:]),
            threshold=self.threshold,
            contrast=self.contrast,
            reach=self.reach,
        )


def sudden_changes(
    distances_N: NDArray[np.float64],
    *,
    seconds: NDArray[np.float64],
    threshold: float,
    contrast: float,
    reach: float,
) -> list[float]:
    """The times at which a distance stands out.

    Args:
        distances_N: between each frame and the one before it.
        seconds: N, when the later frame of each pair is shown, growing.
        threshold: a change is larger than this,
        contrast: and at least so many times the median of the other distances around it,
        reach: and the first of the largest within so many seconds before and behind.
    """
    starts = np.searchsorted(seconds, seconds - reach, side="left")
    ends = np.searchsorted(seconds, seconds + reach, side="right")
    found = []
    for at in np.flatnonzero(distances_N > threshold).tolist():
        around = distances_N[starts[at] : ends[at]]
        others = np.delete(around, at - starts[at])
        usual = float(np.median(others)) if len(others) else 0.0
        if starts[at] + int(around.argmax()) == at and distances_N[at] >= contrast * usual:
            found.append(float(seconds[at]))
    return found

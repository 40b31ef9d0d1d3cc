"""Where one shot ends and the next begins: pure over arrays, frame after frame.

The default compares the joint colour histograms of neighbouring stored frames: RGB at 4 bits a channel, divided by the
number of pixels, half the L1 distance, a cut above a threshold. It is of the family of Mas and Fernandez, "Video Shot
Boundary Detection based on Color Histogram" (TRECVID 2003), cited in section 4 of the paper; its threshold is ours.

Use, with frames that come one at a time and are not kept:

    signatures = [method.signature(image_HWC) for image_HWC in frames]
    spans = method.spans(signatures, seconds=seconds, video="folder/clip.mp4")
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vivi.core.config import config
from vivi.data.store.format import printable
from vivi.video.cuts import CutsError, cuts_of, read_cuts


@dataclass(frozen=True, slots=True)
class Colours:
    """The filled bins of a frame's histogram (a few hundred of 4096)."""

    bins_B: NDArray[np.uint16]
    shares_B: NDArray[np.float32]


Signature = Colours | None
"""What a method keeps of a frame; opaque to its user."""

ROUNDING = 0.001
"""Seconds by which a cut written in decimals may lie behind the frame that it means."""


@config
class ShotMethod(ABC):
    """How a video is cut into shots; every stored frame belongs to exactly one."""

    def signature(self, image_HWC: NDArray[np.uint8]) -> Signature:  # noqa: ARG002
        """What the method keeps of one RGB frame; None where it looks at times only."""
        return None

    def check(self, videos: Sequence[str]) -> None:  # noqa: B027 (most methods need nothing)
        """See before the work that the method can cut some of these videos, given by their relative paths."""

    def of_video(self, file: Path, *, video: str) -> "ShotMethod":  # noqa: ARG002
        """What cuts this one video: the method itself, unless it must see more of the file than its stored frames.

        Args:
            file: the video.
            video: its path relative to its source.

        Raises:
            DecodeError: the method looks at the file and cannot read it.
        """
        return self

    @abstractmethod
    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:
        """Numbers of the frames that begin a shot, growing, without frame 0. Arguments as for `spans`."""

    def spans(
        self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str
    ) -> tuple[tuple[int, int], ...]:
        """The shots of one video as (number of the first frame, number of frames), in order, covering all frames.

        Args:
            signatures: one for each stored frame, in order.
            seconds: when each frame is sampled, growing.
            video: path of the video relative to its source, its name in a file of known cuts.

        Raises:
            ViviError: the video is not named in the file of known cuts.
        """
        if not signatures:
            return ()
        starts = [0, *self.boundaries(signatures, seconds=seconds, video=video)]
        return tuple((start, end - start) for start, end in zip(starts, [*starts[1:], len(signatures)], strict=True))


@config
class HistogramShots(ShotMethod):
    """A cut where the colours of neighbouring frames differ."""

    bits: Annotated[int, Field(ge=1, le=5)] = 4
    """Most significant bits kept of each channel: 2 ** (3 * bits) bins."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """A cut lies where half the L1 distance, between 0 and 1, is above this."""
    min_frames: Annotated[int, Field(ge=1)] = 1
    """No cut closer than this behind the one before, or to the end of the video."""

    def signature(self, image_HWC: NDArray[np.uint8]) -> Signature:
        """The filled bins of the frame's histogram."""
        histogram = colour_histogram(image_HWC, bits=self.bits)
        bins_B = np.flatnonzero(histogram)
        return Colours(bins_B=bins_B.astype(np.uint16), shares_B=histogram[bins_B])

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:  # noqa: ARG002
        """Frames whose histogram is farther than the threshold from the one before."""
        found: list[int] = []
        last = len(signatures) - self.min_frames
        for index, distance in enumerate(self.distances(signatures), start=1):
            if distance > self.threshold and (found[-1] if found else 0) + self.min_frames <= index <= last:
                found.append(index)
        return found

    def distances(self, signatures: Sequence[Signature]) -> list[float]:
        """Between neighbouring frames: one number fewer than there are frames."""
        return [half_l1(before, after) for before, after in pairwise(map(self._histogram, signatures))]

    def _histogram(self, signature: Signature) -> NDArray[np.float32]:
        if signature is None:
            raise ValueError("HistogramShots needs the signature of every frame")
        histogram = np.zeros(1 << 3 * self.bits, np.float32)
        histogram[signature.bins_B] = signature.shares_B
        return histogram


@config
class WholeVideo(ShotMethod):
    """One shot a video."""

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:  # noqa: ARG002
        """None."""
        return []


@config
class FixedWindows(ShotMethod):
    """Shots of a fixed time, whatever they show."""

    seconds: Annotated[float, Field(gt=0)] = 8.0

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:  # noqa: ARG002
        """The first frame of each window that holds frames."""
        windows = [math.floor((time + ROUNDING) / self.seconds) for time in seconds]
        return [index for index in range(1, len(windows)) if windows[index] != windows[index - 1]]


@config
class CutsAt(ShotMethod):
    """Cuts at these times."""

    seconds: tuple[float, ...] = ()
    """When the first frame of each new shot is shown, counted from the first frame."""

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:  # noqa: ARG002
        """The first frame at or behind each cut."""
        return first_frames(seconds, cuts=self.seconds)


@config
class KnownCuts(ShotMethod):
    """Cuts that somebody has found before, read from a file (see `vivi.video.cuts`)."""

    file: str
    sha256: str = ""
    """Of the file's bytes; empty accepts any."""

    def check(self, videos: Sequence[str]) -> None:
        """See before the work that the file speaks of at least one of these videos.

        Raises:
            CutsError: it names none of them.
        """
        named = read_cuts(Path(self.file))
        if videos and not any(video in named or printable(video) in named for video in videos):
            raise CutsError(f"{self.file} names none of the {len(videos)} videos; they are called like {videos[0]!r}")

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:  # noqa: ARG002
        """The first frame at or behind each cut."""
        return first_frames(seconds, cuts=cuts_of(video, Path(self.file), sha256=self.sha256))


def first_frames(seconds: Sequence[float], *, cuts: Iterable[float]) -> list[int]:
    """Numbers of the frames that begin a shot, given when each frame is sampled and the times of the cuts.

    Several cuts between two frames are one; cuts before the first frame or behind the last are none.
    """
    positions = np.searchsorted(np.asarray(seconds, np.float64), np.asarray(list(cuts), np.float64) - ROUNDING)
    return sorted({int(position) for position in positions if 0 < position < len(seconds)})


def colour_histogram(image_HWC: NDArray[np.uint8], *, bits: int) -> NDArray[np.float32]:
    """Joint histogram of the RGB values of all pixels of a frame, 2 ** (3 * bits) bins that sum to 1.

    The bin of a pixel is (r << 2 * bits) + (g << bits) + b with the `bits` most significant bits of each channel.
    """
    levels = 1 << bits
    counts = cv2.calcHist(cv2.split(image_HWC), [0, 1, 2], None, [levels] * 3, [0, 256] * 3)
    shares: NDArray[np.float32] = counts.ravel() / np.float32(image_HWC.shape[0] * image_HWC.shape[1])
    return shares


def half_l1(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Half the L1 distance of two histograms: 0 for equal ones, 1 for disjoint ones."""
    return 0.5 * float(np.abs(before - after).sum(dtype=np.float64))

"""The frames of a video without its black borders, as large as if it had never had any.

A first look at frames spread over the video finds the borders (`vivi.video.borders`), which then hold for all of its
frames. The frames are scaled a little less than usual, so that what is left has the short side that was asked for.
"""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.video.borders import Borders, BorderSearch
from vivi.video.container import SourceInfo
from vivi.video.decode import TimedFrame, VideoFrames, sample_frames

TRIM = 1
"""Pixels of the full-size picture that are cut off with a border: its edge is never quite sharp."""


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A part of the picture, in shares of its sides."""

    top: float
    bottom: float
    left: float
    right: float

    @classmethod
    def within(cls, borders: Borders) -> "Box":
        """What the borders leave."""
        top, bottom, left, right = (
            (width + TRIM if width else 0) for width in (borders.top, borders.bottom, borders.left, borders.right)
        )
        return cls(
            top=top / borders.height,
            bottom=1 - bottom / borders.height,
            left=left / borders.width,
            right=1 - right / borders.width,
        )

    def pixels(self, *, height: int, width: int) -> tuple[slice, slice]:
        """The rows and columns that lie wholly within."""
        return _inner(self.top, self.bottom, height), _inner(self.left, self.right, width)


@dataclasses.dataclass(frozen=True, slots=True)
class CroppedFrames:
    """The sampled frames of one file; iterate to decode them, in order of time."""

    whole: VideoFrames
    """With the borders."""
    box: Box
    short_side: int | None
    """Of the frames that come out, at most."""

    @property
    def info(self) -> SourceInfo:
        """Of the file."""
        return self.whole.info

    def __iter__(self) -> Iterator[TimedFrame]:
        """Decode and crop; errors as those of `VideoFrames`."""
        for second, image_HWC in self.whole:
            rows, columns = self.box.pixels(height=image_HWC.shape[0], width=image_HWC.shape[1])
            inside_HWC = _trimmed(image_HWC[rows, columns], short_side=self.short_side)
            yield TimedFrame(second, np.ascontiguousarray(inside_HWC))


def sample_within_borders(
    path: Path, *, fps: float, short_side: int | None, search: BorderSearch
) -> VideoFrames | CroppedFrames:
    """As `sample_frames`, without black borders; of a video without any, exactly the same frames.

    Args:
        path: of the video.
        fps: samples a second.
        short_side: of the frames that come out, in pixels; smaller pictures are not enlarged. None keeps the size.
        search: what counts as a border.

    Raises:
        DecodeError: as `sample_frames`.
    """
    plain = sample_frames(path, fps=fps, short_side=short_side)
    few = sample_frames(path, fps=search.frames / plain.info.seconds, short_side=None)
    borders = search.find(image_HWC for _, image_HWC in few)
    if borders is None:
        return plain
    box = Box.within(borders)
    larger = _scaled_for(box, height=borders.height, width=borders.width, short_side=short_side)
    return CroppedFrames(sample_frames(path, fps=fps, short_side=larger), box, short_side)


def _scaled_for(box: Box, *, height: int, width: int, short_side: int | None) -> int | None:
    """The short side at which the whole picture must be stored for the box to have the one that is asked for."""
    if short_side is None:
        return None
    full = min(height, width)
    for side in range(short_side, full):
        rows, columns = box.pixels(height=round(height * side / full), width=round(width * side / full))
        if min(rows.stop - rows.start, columns.stop - columns.start) >= short_side:
            return side
    return None


def _inner(start: float, end: float, size: int) -> slice:
    first, last = math.ceil(start * size - 1e-6), math.floor(end * size + 1e-6)
    return slice(first, max(last, first + 1))


def _trimmed(image_HWC: NDArray[np.uint8], *, short_side: int | None) -> NDArray[np.uint8]:
    """Without the pixel or two by which rounding has left the shorter side too long."""
    height, width = image_HWC.shape[:2]
    surplus = 0 if short_side is None else min(height, width) - short_side
    if surplus <= 0:
        return image_HWC
    before = surplus // 2
    if height <= width:
        return image_HWC[before : before + height - surplus]
    return image_HWC[:, before : before + width - surplus]

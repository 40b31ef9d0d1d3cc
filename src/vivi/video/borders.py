"""Black borders around the picture of a video: letterbox and pillarbox. Pure over frames.

A line of pixels at the edge belongs to a border if next to nothing in it is brighter than black in any of the frames,
so a logo or a subtitle in the border keeps it. Where the border ends, the picture must begin at once and along most of
the line: a dark scene, or somebody before a black curtain, is no border.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vivi.core.config import config


@dataclass(frozen=True, slots=True)
class Borders:
    """Widths in pixels of frames of `height` x `width`."""

    top: int
    bottom: int
    left: int
    right: int
    height: int
    width: int

    @property
    def share(self) -> float:
        """Of the frame's area that is border."""
        inside = (self.height - self.top - self.bottom) * (self.width - self.left - self.right)
        return 1 - inside / (self.height * self.width)


@config
class BorderSearch:
    """How borders are found."""

    frames: Annotated[int, Field(ge=3, le=1000)] = 16
    """Looked at, spread over the video."""
    black: Annotated[int, Field(ge=0, le=255)] = 24
    """Brightness up to which a pixel is black."""
    dirt: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Share of a line that may be brighter, in all frames together."""
    step: Annotated[float, Field(ge=0, le=1)] = 0.6
    """How full the lines behind the border are, as a share of how full the picture is."""
    least: Annotated[float, Field(gt=0, lt=0.5)] = 0.02
    """Narrowest border, as a share of the side."""
    lit: Annotated[int, Field(ge=1)] = 3
    """Frames that show something, at least; less is no evidence."""

    def find(self, images: Iterable[NDArray[np.uint8]]) -> Borders | None:
        """The borders that all these frames have.

        Args:
            images: RGB, uint8, height x width x 3, all of one size.

        Returns:
            None where there are none, or too few frames show anything.
        """
        brightest_HW: NDArray[np.uint8] | None = None
        lit = 0
        for image_HWC in images:
            grey_HW = np.asarray(cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY), np.uint8)
            lit += bool((grey_HW > self.black).mean() > self.dirt)
            brightest_HW = grey_HW if brightest_HW is None else np.maximum(brightest_HW, grey_HW)
        if brightest_HW is None or lit < self.lit:
            return None
        return self._of(brightest_HW > self.black)

    def _of(self, bright_HW: NDArray[np.bool_]) -> Borders | None:
        """From the pixels that are ever brighter than black; rows first, then the columns of what is between."""
        height, width = bright_HW.shape
        top, bottom = self._ends(bright_HW.mean(axis=1))
        left, right = self._ends(bright_HW[top : height - bottom].mean(axis=0))
        found = Borders(top=top, bottom=bottom, left=left, right=right, height=height, width=width)
        return found if top or bottom or left or right else None

    def _ends(self, fullness_N: NDArray[np.float64]) -> tuple[int, int]:
        """Lines of border before and behind the picture, given the share of bright pixels of each line."""
        inside = np.flatnonzero(fullness_N > self.dirt)
        if len(inside) < 0.3 * len(fullness_N):
            return 0, 0
        first, last = int(inside[0]), int(inside[-1])
        enough = self.step * float(np.median(fullness_N[first : last + 1]))
        least = max(2, round(self.least * len(fullness_N)))
        edge = max(3, round(0.02 * len(fullness_N)))
        before = first if first >= least and fullness_N[first + 1 : first + 1 + edge].mean() >= enough else 0
        behind = len(fullness_N) - 1 - last
        ends = behind >= least and fullness_N[last - edge : last].mean() >= enough
        return before, behind if ends else 0

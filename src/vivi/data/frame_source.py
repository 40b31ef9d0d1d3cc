"""What a loader needs of a source of frames: shot stores and folders of images fit alike."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivi.data.jpeg import RowDecoder
from vivi.data.records import ShotTable


class Frame(Protocol):
    """A frame that was read and waits to be decoded."""

    def decode(self, decoder: RowDecoder, *, rows: int) -> NDArray[np.uint8]:
        """At least the upper `rows` rows, those of a whole decode.

        Args:
            decoder: of this thread; its memory may be used.
            rows: 1 to the height.

        Returns:
            image_HWC, RGBX, not to be written to; valid until the decoder is used again.

        Raises:
            ViviError: it cannot be decoded; the text names it.
        """


class Video(Protocol):
    """A video, or an image as a video of one frame. All its frames have one size."""

    @property
    def height(self) -> int:
        """Of a frame, in pixels."""

    @property
    def width(self) -> int:
        """Of a frame, in pixels."""

    def read(self, *, first: int, count: int) -> Sequence[Frame]:
        """`count` consecutive frames from number `first` on, at once.

        Raises:
            ViviError: they cannot be read; the text names what.
        """


class FrameSource(Protocol):
    """Videos with shots. Several threads use it at once."""

    @property
    def table(self) -> ShotTable:
        """All shots."""

    def video(self, number: int) -> Video:
        """The video of that number, 0 <= number < V.

        Raises:
            ViviError: it cannot be read; the text names it.
        """

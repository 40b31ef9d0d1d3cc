"""What a loader needs of a source of frames: shot stores and folders of images fit alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivi.data.jpeg import RowDecoder
from vivi.data.records import ShotTable


@dataclass(frozen=True, slots=True)
class RecordName:
    """What a stored frame or an image file is called."""

    file: str
    """Relative to the store or the folder."""
    video: str | None = None
    """Name of the video that the frame is of; None for an image."""
    frame: int | None = None
    """Counted in the stored frames of the video."""


class Frame(Protocol):
    """A frame that was read and waits to be decoded."""

    @property
    def data(self) -> bytes | None:
        """The whole JPEG file, to be decoded as it is; None where there are only pixels."""

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

    def record_name(self, video: int, frame: int) -> RecordName:
        """What frame `frame` of the video of that number is called."""

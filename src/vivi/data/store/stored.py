"""Videos of a store and their frames, as loaders ask for them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import StoreError
from vivi.data.jpeg import RowDecoder


class JPEGReader(Protocol):
    """The part of a store that is needed here."""

    def video_path(self, video: int) -> str:
        """Name of a video, for messages."""

    def read_frames(self, video: int, *, first: int, count: int) -> list[bytes]:
        """Consecutive frames as JPEG files, their checksums verified, by one read."""


@dataclass(frozen=True, slots=True)
class StoredVideo:
    """One video of a store."""

    store: JPEGReader
    number: int
    height: int
    """Of its stored frames, in pixels."""
    width: int

    def read(self, *, first: int, count: int) -> list["StoredFrame"]:
        """Consecutive stored frames, by one read of the disk.

        Raises:
            IndexError: the video has no such frames.
            StoreError: they cannot be read whole.
        """
        files = self.store.read_frames(self.number, first=first, count=count)
        return [StoredFrame(self, number, data) for number, data in enumerate(files, first)]


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """One frame, as its JPEG file."""

    video: StoredVideo
    number: int
    """Counted in the stored frames of the video."""
    data: bytes

    def decode(self, decoder: RowDecoder, *, rows: int) -> NDArray[np.uint8]:
        """At least the upper `rows` rows, image_HWC, RGBX; valid until the decoder is used again.

        Raises:
            StoreError: it cannot be decoded; the text names video and frame.
        """
        try:
            return decoder.decode(self.data, height=self.video.height, width=self.video.width, rows=rows)
        except ValueError as error:
            name = self.video.store.video_path(self.video.number)
            raise StoreError(
                f"frame {self.number} of video {name!r} in the store cannot be decoded ({error}): "
                "the store is damaged, ingest the videos again"
            ) from error

"""An image file as a video of one frame: upright, of any kind, decoded no farther down than a crop needs."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vivi.data.image_file import decode_rgb, exif_orientation, is_plain_jpeg, judged_image, upright
from vivi.data.jpeg import RowDecoder

_START, _END = b"\xff\xda", b"\xff\xd9"
"""Markers of a JPEG: coded data begins, the image ends."""
_LENT_PIXELS = 2**24
"""Larger images are decoded into memory of their own, which would else stay with every thread."""


class Picture(ABC):
    """The image of one file that was read and judged."""

    height: int
    """When upright, in pixels."""
    width: int
    data: bytes | None
    """The file of an upright, whole JPEG; None where it was decoded already."""

    def read(self, *, first: int, count: int) -> list["Picture"]:
        """Its only frame.

        Raises:
            IndexError: another frame was asked for.
        """
        if (first, count) != (0, 1):
            raise IndexError(f"an image has one frame, asked for {count} from {first}")
        return [self]

    @abstractmethod
    def decode(self, decoder: RowDecoder, *, rows: int) -> NDArray[np.uint8]:
        """At least the upper `rows` rows, image_HWC, RGBX; valid until the decoder is used again.

        Raises:
            ImageError: the file is damaged; the text names it.
        """


def open_picture(path: Path) -> Picture:
    """Read an image file and judge its header; an upright JPEG waits for its decoding, other kinds are decoded here.

    What is accepted, and as which pixels, is as in `load_image`.

    Raises:
        ImageError: the file gives no image; the text names it and says why.
    """
    picture: Picture
    with judged_image(path) as (image, data):
        if is_plain_jpeg(image) and _is_whole(data) and exif_orientation(image) == 1:
            picture = _CodedPicture(path=path, data=data, height=image.height, width=image.width)
        else:
            picture = _decoded(image, data, path=path)
    return picture


@dataclass(frozen=True, slots=True)
class _CodedPicture(Picture):
    """An upright, whole JPEG."""

    path: Path
    data: bytes
    height: int
    width: int

    def decode(self, decoder: RowDecoder, *, rows: int) -> NDArray[np.uint8]:
        """See `Picture.decode`."""
        own = decoder if self.height * self.width <= _LENT_PIXELS else RowDecoder()
        try:
            return own.decode(self.data, height=self.height, width=self.width, rows=rows)
        except ValueError:  # strict about the smallest flaw; the other decoder decides whether the pixels are whole
            with judged_image(self.path) as (image, data):
                picture = _decoded(image, data, path=self.path)
            return picture.image_HWC


@dataclass(frozen=True, slots=True)
class _DecodedPicture(Picture):
    """Pixels, RGBX."""

    image_HWC: NDArray[np.uint8]
    height: int
    width: int
    data: None = None

    def decode(self, decoder: RowDecoder, *, rows: int) -> NDArray[np.uint8]:  # noqa: ARG002
        """All rows."""
        return self.image_HWC


def _decoded(image: Image.Image, data: bytes, *, path: Path) -> _DecodedPicture:
    pixels_HWC = decode_rgb(image, data, path=path)
    turned_HWC = upright(pixels_HWC, exif_orientation(image))
    height, width, _ = turned_HWC.shape
    image_HWC = np.asarray(cv2.cvtColor(np.ascontiguousarray(turned_HWC), cv2.COLOR_RGB2RGBA), dtype=np.uint8)
    return _DecodedPicture(image_HWC=image_HWC, height=height, width=width)


def _is_whole(data: bytes) -> bool:
    """Whether the coded data of a JPEG is ended: the upper rows of one that was cut off decode without a complaint."""
    return data.endswith(_END) or data.rfind(_END) > data.rfind(_START)

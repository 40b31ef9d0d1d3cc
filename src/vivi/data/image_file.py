"""One image file, of whatever kind, as upright pixels. Nothing is decoded before its header was judged."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base

from vivi.core.errors import ViviError

MAX_PIXELS = 2**26
"""A header that announces more pixels (8192 x 8192) is refused."""
MAX_BYTES = 2**28
"""A longer file is refused before it is read."""
PREPROCESSING = "squashed to a square, bilinear without antialiasing, RGB in [-1, 1]"
"""What happens to an image on its way into an encoder, in words for results."""
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
_JPEG_FORMATS = ("JPEG", "MPO")
_PLAIN_MODES = ("RGB", "L")
_WIDE_MODES = ("I", "F")


class ImageError(ViviError):
    """A file, or a record inside a file, that gives no image. `reason` says why without its name.

    Args:
        path: the file; as a string, what a record is called, e.g. "train.h5, record 7".
        reason: what is wrong, without the name.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        remedy = "repair or remove this file" if isinstance(path, Path) else "fetch the file that holds it again"
        super().__init__(f"{printable(str(path))}: {reason}; {remedy}")
        self.reason = reason


def load_image(path: Path, size: int) -> NDArray[np.uint8]:
    """Read the image in a file and squash it to a square, whatever its aspect ratio.

    Bilinear, half-pixel centres, no antialiasing, as VTAB's own input pipeline does with its default resize
    (google-research/task_adaptation, data_loader.py) up to that library's placement of pixel centres.
    EXIF orientation is honoured. Grey becomes three equal channels, 16-bit grey keeps its upper byte, palettes and
    CMYK are converted, an alpha channel is dropped as TensorFlow and torchvision do, of several pages the first counts.

    Args:
        path: the file; its content decides what it is, not its name.
        size: S, pixels of a side.

    Returns:
        uint8 pixels, RGB, shape [3, S, S].

    Raises:
        ImageError: no regular file, empty, no image, too large, damaged, or with pixels of unknown range.
    """
    pixels_HWC, orientation = _with_orientation(_read(path), name=path)
    squashed_HWC: NDArray[Any] = cv2.resize(pixels_HWC, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(upright(squashed_HWC, orientation).transpose(2, 0, 1))


def read_image(path: Path) -> NDArray[np.uint8]:
    """The image in a file at its own size: pixels_HWC, uint8, RGB, upright, converted as by `load_image`.

    Raises:
        ImageError: as `load_image`.
    """
    return np.ascontiguousarray(upright(*_with_orientation(_read(path), name=path)))


def decode_image(data: bytes, *, name: str) -> NDArray[np.uint8]:
    """The image in the bytes of an image file, e.g. of a record inside a larger file, as `read_image` gives it.

    Args:
        data: what an image file would hold.
        name: what errors call it: file and record.

    Raises:
        ImageError: empty, no image, too large, damaged, or with pixels of unknown range; its text has the name.
    """
    if not data:
        raise ImageError(name, "empty")
    return np.ascontiguousarray(upright(*_with_orientation(data, name=name)))


def read_stored(path: Path) -> NDArray[np.uint8]:
    """As `read_image`, but as the file stores the pixels: not turned upright, as TensorFlow's decoders give them.

    Source: tensorflow/tensorflow, issue 33932; so VTAB's images are not turned, but those that TFDS reads with OpenCV.

    Raises:
        ImageError: as `load_image`.
    """
    return _stored(_read(path), name=path)


def decode_stored(data: bytes, *, name: str) -> NDArray[np.uint8]:
    """As `decode_image`, but as the bytes store the pixels, see `read_stored`.

    Raises:
        ImageError: as `decode_image`.
    """
    if not data:
        raise ImageError(name, "empty")
    return _stored(data, name=name)


def _stored(data: bytes, *, name: Path | str) -> NDArray[np.uint8]:
    """The pixels as they are stored, pixels_HWC; EXIF is not looked at, so it may be damaged."""
    with _judged(data, name=name) as image:
        return decode_rgb(image, data, path=name)


def _with_orientation(data: bytes, *, name: Path | str) -> tuple[NDArray[np.uint8], int]:
    """The pixels as they are stored, pixels_HWC, and their EXIF orientation."""
    with _judged(data, name=name) as image:
        pixels_HWC = decode_rgb(image, data, path=name)
        return pixels_HWC, exif_orientation(image)


@contextmanager
def judged_image(path: Path) -> Iterator[tuple[Image.Image, bytes]]:
    """Open the image in a file, if its header is fit to be decoded, beside the bytes of the file.

    Raises:
        ImageError: the file gives no image, or whatever goes wrong with it inside the `with` block.
    """
    data = _read(path)
    with _judged(data, name=path) as image:
        yield image, data


@contextmanager
def _judged(data: bytes, *, name: Path | str) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(name, _too_large(f"{image.width} x {image.height} pixels"))
            yield image
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(name, _too_large("its header announces more")) from error
    except UnidentifiedImageError as error:
        raise ImageError(name, "not an image of a kind this program reads") from error
    except Exception as error:  # on damaged files Pillow raises nearly every kind there is
        raise ImageError(name, f"damaged ({' '.join(str(error).split()) or type(error).__name__})") from error


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe or a device would be read for ever
            raise ImageError(path, "not a regular file" if path.exists() else "no such file")
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(path, f"too large: {path.stat().st_size} bytes, at most {MAX_BYTES} are read")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(path, f"unreadable ({error.strerror})") from error
    if not data:
        raise ImageError(path, "empty file")
    return data


def _too_large(found: str) -> str:
    return f"too large: {found}, at most {MAX_PIXELS} pixels are decoded"


def is_plain_jpeg(image: Image.Image) -> bool:
    """Whether it is a JPEG in colour or grey that libjpeg-turbo turns into RGB as Pillow does."""
    return image.format in _JPEG_FORMATS and image.mode in _PLAIN_MODES


def decode_rgb(image: Image.Image, data: bytes, *, path: Path | str) -> NDArray[np.uint8]:
    """The pixels of a judged image as stored, pixels_HWC, RGB; call it inside the `with` block."""
    if is_plain_jpeg(image):
        try:
            pixels_HWC: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
        except ValueError:  # strict about the smallest flaw; Pillow below decides whether the pixels are whole
            pass
        else:
            return pixels_HWC
    if image.mode in _WIDE_MODES:
        raise ImageError(path, f"32-bit pixels (mode {image.mode}) have no known range: convert it to 8 or 16 bits")
    if image.mode.startswith("I;16"):
        grey_HW = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey_HW[..., None], 3, axis=2)
    return np.array(image.convert("RGB"))


def exif_orientation(image: Image.Image) -> int:
    """The EXIF orientation of a judged image, 1 where it has no legal one; ask after its pixels were decoded."""
    found = image.getexif().get(Base.Orientation)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright(pixels_HWC: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo the EXIF orientation (EXIF 2.3, tag 0x0112); a view of the same memory."""
    mirrored = pixels_HWC[:, ::-1] if orientation in (2, 4, 5, 7) else pixels_HWC
    quarter_turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.rot90(mirrored, quarter_turns)


def printable(name: str) -> str:
    """A file's name as text that can be stored: bytes that are not UTF-8 are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@lru_cache(maxsize=1)
def image_extensions() -> frozenset[str]:
    """Endings of names, in lower case and with the dot, that are taken for images."""
    kinds = Image.registered_extensions()
    return frozenset(ending for ending, kind in kinds.items() if kind in _FORMATS)


def has_image_ending(name: str) -> bool:
    """Whether a file of this name is taken for an image."""
    stem, _, ending = name.rpartition(".")
    return stem != "" and f".{ending.lower()}" in image_extensions()


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """Pixel formats only: reading EPS, for one, would start another program."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)

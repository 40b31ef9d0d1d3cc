"""The pixels of images that were annotated: as they are stored, of the size that the annotation says."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vivi.data.image_file import ImageError, decode_rgb, exif_orientation, judged_image
from vivi.data.image_reader import load_ahead
from vivi.transfer.detection.voc import VocImage

CHECKED_AT_ONCE = 64
READ_AHEAD = 4


def load_pixels(picture: VocImage) -> NDArray[np.uint8]:
    """pixels_HWC, uint8, RGB, of the image's own size.

    Raises:
        ImageError: it cannot be decoded, has another size than its annotation says, or is stored turned.
    """
    with judged_image(picture.file) as (image, data):
        pixels_HWC = decode_rgb(image, data, path=picture.file)
        _check(image, picture)
    return pixels_HWC


def check_headers(pictures: Sequence[VocImage], *, progress: Callable[[int, int], None]) -> None:
    """See, before hours of training, that every image is there, is an image and has its annotation's size.

    Args:
        pictures: the images.
        progress: called with images done and in all.

    Raises:
        ImageError: the first that is not; the text names it.
    """
    files = [each.file for each in pictures]
    for start, found in load_ahead(files, lambda at, _: _check_header(pictures[at]), batch=CHECKED_AT_ONCE):
        for each in found:
            if isinstance(each, ImageError):
                raise each
        progress(start + len(found), len(files))


def read_pixels(pictures: Sequence[VocImage]) -> Iterator[NDArray[np.uint8]]:
    """The pixels of each image in order, read by threads ahead of the consumer.

    Raises:
        ImageError: as `load_pixels`.
    """

    def load(at: int, _file: Path) -> NDArray[np.uint8]:
        return load_pixels(pictures[at])

    for _, found in load_ahead([each.file for each in pictures], load, batch=READ_AHEAD):
        for each in found:
            if isinstance(each, ImageError):
                raise each
            yield each


def _check_header(picture: VocImage) -> None:
    with judged_image(picture.file) as (image, _):
        _check(image, picture)


def _check(image: Image.Image, picture: VocImage) -> None:
    said = picture.annotation
    if image.size != (said.width, said.height):
        has, says = f"{image.width} x {image.height}", f"{said.width} x {said.height}"
        raise ImageError(picture.file, f"it has {has} pixels, but {says} in {picture.annotation_file}")
    if exif_orientation(image) != 1:
        raise ImageError(picture.file, "it is stored turned (EXIF orientation), so its boxes could mean either way")

"""Test images as an encoder's own classifier sees them, beside all images as the probes see them; each decoded once."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vivi.data.image_file import ImageError, decode_rgb, exif_orientation, judged_image, load_image, upright
from vivi.data.image_reader import load_ahead, stacked

CENTRE_CROP = "shorter side to 8/7 of the crop's, centre crop, bilinear without antialiasing, RGB in [-1, 1]"
"""What happens to an image on its way into a classifier, in words for results."""
_SHORT, _CROP = 256, 224
"""The shorter side goes to 256 pixels for crops of 224, and in proportion for others."""


@dataclass(frozen=True, slots=True)
class PictureBatch:
    """Some images of a list, in its order, without those that could not be read."""

    positions_B: list[int]
    """Where each image stands in the list."""
    images_BCHW: Tensor
    """uint8, RGB, squashed as by `load_image`."""
    centred_F: list[int]
    """Where those stand that were asked for as centre crops too."""
    crops_FCHW: Tensor
    """uint8, RGB, the centre crops."""
    broken: list[tuple[int, str]]
    """Position and reason of each file that gave no image."""


def read_pictures(
    files: Sequence[Path], *, centred: Collection[int], size: int, batch: int = 64
) -> Iterator[PictureBatch]:
    """Read images in the order of `files` by threads, one batch ahead of the consumer.

    Args:
        files: image files.
        centred: positions of those that are to give a centre crop too.
        size: S, pixels of a side.
        batch: files of one batch.

    Raises:
        ViviError: batch is below 1.
    """

    def load(at: int, file: Path) -> tuple[NDArray[np.uint8], ...]:
        return load_both(file, size) if at in centred else (load_image(file, size),)

    for start, loaded in load_ahead(files, load, batch=batch):
        read = {at: each for at, each in enumerate(loaded, start) if not isinstance(each, ImageError)}
        centre = [at for at, pictures in read.items() if len(pictures) > 1]
        yield PictureBatch(
            positions_B=list(read),
            images_BCHW=stacked([pictures[0] for pictures in read.values()], size=size),
            centred_F=centre,
            crops_FCHW=stacked([read[at][1] for at in centre], size=size),
            broken=[(at, each.reason) for at, each in enumerate(loaded, start) if isinstance(each, ImageError)],
        )


def load_both(path: Path, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The image of a file squashed, just as `load_image` gives it, and its centre crop: uint8, RGB, [3, S, S] both.

    Raises:
        ImageError: as `load_image`.
    """
    with judged_image(path) as (image, data):
        pixels_HWC = decode_rgb(image, data, path=path)
        orientation = exif_orientation(image)
    squashed_HWC = np.asarray(cv2.resize(pixels_HWC, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    both = upright(squashed_HWC, orientation), centre_crop(upright(pixels_HWC, orientation), size)
    return np.ascontiguousarray(both[0].transpose(2, 0, 1)), np.ascontiguousarray(both[1].transpose(2, 0, 1))


def centre_crop(pixels_HWC: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize until the shorter side has round(S * 256 / 224) pixels, and cut S x S out of the middle.

    The sides and the crop follow google/revisiting-self-supervised, preprocess.py (`resize_small`, `central_crop`):
    both sides are rounded to whole pixels, an odd margin is smaller on the upper and left side. The sampling is that of
    `load_image`, bilinear with half-pixel centres and without antialiasing; theirs averages areas. Only the pixels of
    the crop are computed, so a long and thin image costs no more than others.

    Args:
        pixels_HWC: an upright image, uint8.
        size: S.

    Returns:
        uint8, shape [S, S, C].
    """
    height, width = pixels_HWC.shape[:2]
    ratio = round(size * _SHORT / _CROP) / min(height, width)
    top_S, bottom_S, down_S = _taps(height, resized=round(height * ratio), size=size)
    left_S, right_S, across_S = _taps(width, resized=round(width * ratio), size=size)
    across_S1, down_S11 = across_S[:, None], down_S[:, None, None]
    upper, lower = (
        pixels_HWC[rows_S[:, None], left_S] * (1 - across_S1) + pixels_HWC[rows_S[:, None], right_S] * across_S1
        for rows_S in (top_S, bottom_S)
    )
    return np.rint(upper * (1 - down_S11) + lower * down_S11).astype(np.uint8)


def _taps(length: int, *, resized: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For each of the middle `size` of `resized` pixels: its two neighbours among `length`, and the second's weight."""
    at_S = (np.arange(size) + (resized - size) // 2 + 0.5) * (length / resized) - 0.5
    at_S = np.clip(at_S, 0, length - 1)
    first_S = np.floor(at_S).astype(np.int64)
    return first_S, np.minimum(first_S + 1, length - 1), (at_S - first_S).astype(np.float32)

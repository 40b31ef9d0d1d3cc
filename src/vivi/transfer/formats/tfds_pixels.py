"""What TFDS does to the images of some data sets before it stores them: scaled, and through JPEG, by OpenCV."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vivi.data.image_file import MAX_PIXELS, ImageError, decode_image, read_image

OPENCV_QUALITY = 95
"""Of a JPEG that OpenCV writes when nothing is said."""
_LONGEST_SIDE = 65_500
"""Pixels that a side of a JPEG can have."""


def read_as_stored(
    path: Path, *, process: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], quality: int = OPENCV_QUALITY
) -> NDArray[np.uint8]:
    """The image in a file, pixels_HWC, as TFDS stores it: processed, then encoded as JPEG and decoded again.

    TFDS reads these data sets with OpenCV, which turns images upright.

    Args:
        path: the file.
        process: pixels_HWC -> pixels_HWC, RGB; raises ValueError where it cannot.
        quality: of the JPEG, 0 to 100.

    Raises:
        ImageError: the file gives no image, or none that can be processed.
    """
    pixels_HWC = read_image(path)
    try:
        processed_HWC = process(pixels_HWC)
        if max(processed_HWC.shape) > _LONGEST_SIDE:
            raise ValueError(f"a side of {max(processed_HWC.shape)} pixels, a JPEG has at most {_LONGEST_SIDE}")
    except ValueError as error:
        raise ImageError(path, str(error)) from error
    bgr_HWC = np.ascontiguousarray(processed_HWC[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr_HWC, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return decode_image(data.tobytes(), name=str(path))


def scaled(pixels_HWC: NDArray[np.uint8], *, factor: float) -> NDArray[np.uint8]:
    """An image with both sides times `factor`, rounded; bilinear.

    Raises:
        ValueError: the result would have no pixels, or more than are decoded of any file.
    """
    height, width = (round(side * factor) for side in pixels_HWC.shape[:2])
    if not 0 < height * width <= MAX_PIXELS:
        raise ValueError(f"scaled by {factor:.3g} it would have {height} x {width} pixels")
    return np.asarray(cv2.resize(pixels_HWC, None, fx=factor, fy=factor), np.uint8)

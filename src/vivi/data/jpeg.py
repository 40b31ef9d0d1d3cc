"""Decoding of stored frames, no farther down than a crop needs."""

import numpy as np
import simplejpeg
from numpy.typing import NDArray

_BASELINE, _FIRST_SCAN = 0xC0, 0xDA
_CONTEXT = 2
"""Rows below the last wanted one that the smooth upsampling of colour looks at."""


def decode_rows(data: bytes, *, height: int, width: int, rows: int, buffer: bytearray) -> NDArray[np.uint8]:
    """Decode the upper `rows` rows of a JPEG of known size into `buffer`; they equal those of a whole decode.

    A baseline JPEG is coded from top to bottom, so a header that announces fewer rows ends the work early. Damage
    to the coded data is not noticed then: callers have checked the checksum.

    Args:
        data: the file.
        height: pixels of the whole image.
        width: pixels of the whole image.
        rows: how many are wanted, from the top.
        buffer: at least height * width * 4 bytes.

    Returns:
        image_HWC, RGBX, at least `rows` rows, over the memory of `buffer`.

    Raises:
        ValueError: not a JPEG, damaged, or of another size.
    """
    announced = min(rows + _CONTEXT, height)
    shortened = announced < height
    source = _announce(data, rows=announced) if shortened else data
    image_HWC: NDArray[np.uint8] = simplejpeg.decode_jpeg(source, "RGBX", buffer=buffer, strict=not shortened)
    if image_HWC.shape[1] != width or image_HWC.shape[0] not in (announced, height):
        raise ValueError(f"its size is {image_HWC.shape[1]}x{image_HWC.shape[0]}, not {width}x{height}")
    return image_HWC


def _announce(data: bytes, *, rows: int) -> bytes:
    """The file with its height changed to `rows`; unchanged if it is not a baseline JPEG."""
    position = 2
    while position + 7 <= len(data) and data[position] == 0xFF and data[position + 1] != _FIRST_SCAN:
        if data[position + 1] == _BASELINE:
            return data[: position + 5] + rows.to_bytes(2, "big") + data[position + 7 :]
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data

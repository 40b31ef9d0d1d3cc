"""Decoding of stored frames, no farther down than a crop needs."""

import numpy as np
import simplejpeg
from numpy.typing import NDArray

_BASELINE, _FIRST_SCAN = 0xC0, 0xDA
_CONTEXT = 2
"""Rows below the last wanted one that the smooth upsampling of colour looks at."""
_UNALIGNED = 2
"""libjpeg-turbo writes past the processor's cache where rows start at multiples of 32 bytes; a crop then waits for
main memory and takes a third longer. From this offset no row ever does."""


class RowDecoder:
    """Decodes JPEG files from the top down to a wanted row. It has memory of its own: each thread needs one."""

    def __init__(self) -> None:
        self._buffer = np.empty(0, dtype=np.uint8)

    def decode(self, data: bytes, *, height: int, width: int, rows: int) -> NDArray[np.uint8]:
        """Decode at least the upper `rows` rows of an image of known size; they equal those of a whole decode.

        A baseline JPEG is coded from top to bottom, so a header that announces fewer rows ends the work early.
        Damage to the coded data is not noticed then: callers have checked the checksum.

        Returns:
            image_HWC, RGBX, of `rows` rows or more; valid until the next call.

        Raises:
            ValueError: not a JPEG, damaged, or of another size.
        """
        if len(self._buffer) < height * width * 4:
            self._buffer = np.empty(_UNALIGNED + height * width * 4, dtype=np.uint8)[_UNALIGNED:]
        announced = min(rows + _CONTEXT, height)
        shortened = announced < height
        source = _announce(data, rows=announced) if shortened else data
        image_HWC: NDArray[np.uint8] = simplejpeg.decode_jpeg(source, "RGBX", buffer=self._buffer, strict=not shortened)
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

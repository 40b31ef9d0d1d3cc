"""The files of dSprites, .npz or .hdf5: labels, and images of zeros and ones that are kept as bits.

As bytes the images would need 3 GB of memory, as bits 0.4 GB. Source: github.com/deepmind/dsprites-dataset.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.transfer.formats.hdf5 import open_array, read_rows, read_whole
from vivi.transfer.formats.npz import read_array, read_array_in_parts

_ROWS, _MOST_ROWS = 4096, 65_536
"""Read at once; of the real images, the latter are 256 MiB."""


class SpriteFile(Protocol):
    """A file of dSprites."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def labels(self) -> NDArray[Any]:
        """classes_N6: colour, shape, scale, orientation, x, y."""

    def images(self) -> Iterator[NDArray[Any]]:
        """images_BHW of zeros and ones, some at a time."""


@dataclass(frozen=True, slots=True)
class NpzSprites:
    """The file for NumPy. One of its members holds pickled objects; it is not read."""

    path: Path

    def labels(self) -> NDArray[Any]:
        """See `SpriteFile`."""
        return read_array(self.path, name="latents_classes")

    def images(self) -> Iterator[NDArray[Any]]:
        """See `SpriteFile`."""
        return read_array_in_parts(self.path, name="imgs", rows=_ROWS)


@dataclass(frozen=True, slots=True)
class Hdf5Sprites:
    """The HDF5 file."""

    path: Path

    def labels(self) -> NDArray[Any]:
        """See `SpriteFile`."""
        return read_whole(self.path, name="latents/classes")

    def images(self) -> Iterator[NDArray[Any]]:
        """See `SpriteFile`; whole chunks at a time where these are not too large, as each is unpacked whole."""
        array = open_array(self.path, name="imgs")
        rows = min(max(_ROWS, (array.chunks or (1,))[0]), _MOST_ROWS)
        for start in range(0, len(array), rows):
            yield np.asarray(read_rows(array, slice(start, start + rows), name=f"{self.path}, from record {start} on"))


@dataclass(frozen=True, slots=True)
class Sprites:
    """Images of two values as bits."""

    bits_NP: NDArray[np.uint8]
    height: int
    width: int

    def pixels(self, at: int) -> NDArray[np.uint8]:
        """One image, pixels_HWC: 0 and 255, three equal channels."""
        bits_P = np.unpackbits(self.bits_NP[at], count=self.height * self.width)
        grey_HW = bits_P.reshape(self.height, self.width) * np.uint8(255)
        return np.repeat(grey_HW[..., None], 3, axis=2)


def pack_sprites(file: SpriteFile, *, count: int) -> Sprites:
    """All images of a file.

    Raises:
        ViviError: the file is damaged, or does not hold `count` images of zeros and ones.
    """
    sprites, read = None, 0
    for images_BHW in file.images():
        if images_BHW.ndim != 3 or images_BHW.dtype != np.uint8:
            raise ViviError(f"{file.path}: imgs is not bytes of shape N x H x W, it is another file: fetch it again")
        bright_M = np.flatnonzero(images_BHW.max(axis=(1, 2)) > 1)
        if len(bright_M):
            raise ViviError(f"{file.path}, record {read + bright_M[0]}: pixels are not 0 and 1; fetch this file again")
        bits_BP = np.packbits(images_BHW.reshape(len(images_BHW), -1), axis=1)
        if sprites is None:
            sprites = Sprites(np.empty((count, bits_BP.shape[1]), np.uint8), *images_BHW.shape[1:])
        start, read = read, read + len(images_BHW)
        if read > count:
            break
        sprites.bits_NP[start:read] = bits_BP
    if sprites is None or read != count:
        raise ViviError(f"{file.path} does not hold as many images as labels, {count}: it is damaged, fetch it again")
    return sprites

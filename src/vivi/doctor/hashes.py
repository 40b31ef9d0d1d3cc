"""64-bit perceptual hashes of frames: what stays when a picture is encoded again, scaled, or cut a little at its edges.

The lowest 8 x 8 frequencies of the discrete cosine transform of a 32 x 32 grey picture, each one bit: above or below
the median of all but the mean. The scheme is the common pHash (described by Zauner, Implementation and benchmarking of
perceptual image hash functions, 2010); the code is ours.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32
"""Of the grey picture that a hash is made of."""
_KEPT = 8
_PLAIN = 6.0
"""Spread of brightness (standard deviation, of 255) under which a picture has too little to tell it by."""
_WEIGHTS = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))


def thumbnail(grey_HW: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The 32 x 32 picture of a grey one, by area."""
    return np.asarray(cv2.resize(grey_HW, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)


def frame_hash(thumbnail_SS: NDArray[np.float32]) -> np.uint64:
    """The hash; 0 for a picture that shows next to nothing, which is like no other."""
    if float(thumbnail_SS.std()) < _PLAIN:
        return np.uint64(0)
    lowest = np.asarray(cv2.dct(thumbnail_SS))[:_KEPT, :_KEPT].ravel()
    bits = lowest > np.median(lowest[1:])
    hashed: np.uint64 = _WEIGHTS[bits].sum(dtype=np.uint64)
    return hashed


def distances(ours_N: NDArray[np.uint64], theirs_M: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """N x M numbers of bits that differ; 64 where either hash is 0."""
    return differing(ours_N[:, None], theirs_M[None, :])


def differing(ours: NDArray[np.uint64], theirs: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Numbers of bits that differ, of hashes that stand side by side; 64 where either is 0."""
    bits = np.bitwise_count(ours ^ theirs)
    bits[(ours == 0) | (theirs == 0)] = 64
    return np.asarray(bits, np.uint8)

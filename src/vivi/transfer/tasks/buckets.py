"""Distances as classes: the two tasks that ask how far away the nearest thing is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def bucket(values_N: ArrayLike, *, edges: Sequence[float]) -> NDArray[np.int64]:
    """The number of the last edge strictly below each value: bucket i is open at edge i and closed at edge i + 1.

    Values are compared as 32-bit floats, as the TensorFlow code does, which matters next to an edge. A value not above
    the first edge gives -1. Source: google-research/task_adaptation data/{clevr,kitti}.py.

    Args:
        values_N: N numbers.
        edges: ascending.
    """
    below_N = np.searchsorted(np.asarray(edges, np.float32), np.asarray(values_N, np.float32), side="left")
    return below_N.astype(np.int64) - 1

"""The order in which TFDS stores a data set, and VTAB's splits, which are contiguous cuts of that order.

TFDS sorts the records of a split by the 128-bit md5 of the split's name followed by the record's key, both as text
(tensorflow_datasets core/hashing.py; a key that is a number is its decimal text). The 1000 examples of VTAB are the
first ones of that order (google-research/task_adaptation data/*.py), so they can be found without TensorFlow.
"""

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vivi.transfer.task import Examples, Parts, Split, joined

TRAIN, VAL, THOUSAND = 800, 200, 1000
"""Images of VTAB-1k: version 2 learns from 800, selects on 200, and retrains on both; version 1 learns from 1000."""


def tfds_order(keys: Iterable[str | int], *, split: str) -> NDArray[np.int64]:
    """Positions of the keys in the order in which TFDS stores them.

    Args:
        keys: the keys that the TFDS builder gives its records, e.g. "banded/banded_0002.jpg" or a row number.
        split: TFDS's name of the split they are in: "train", "validation" or "test".
    """
    salt = hashlib.md5(split.encode(), usedforsecurity=False)
    digests = []
    for key in keys:
        digest = salt.copy()
        digest.update(str(key).encode())
        digests.append(digest.digest())
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def cut(examples: Examples, *, shares: Sequence[Fraction | float]) -> tuple[Examples, ...]:
    """Contiguous parts that hold these shares, which sum to 1, of all examples; borders are rounded to the nearest.

    TFDS rounds the border at a per cent in the same way (`train[:90%]`).
    """
    borders = [round(len(examples) * sum(Fraction(each) for each in shares[:at])) for at in range(len(shares) + 1)]
    borders[-1] = len(examples)
    return tuple(examples.take(np.arange(start, end)) for start, end in pairwise(borders))


def vtab_splits(parts: Parts) -> dict[Split, Examples]:
    """All splits that VTAB's two versions use of a data set whose parts are in TFDS's order."""
    trainval = joined((parts.train, parts.val))
    train800, val200 = parts.train.first(TRAIN), parts.val.first(VAL)
    return {
        "train": parts.train,
        "val": parts.val,
        "test": parts.test,
        "trainval": trainval,
        "train800": train800,
        "val200": val200,
        "train800val200": joined((train800, val200)),
        "train1000": parts.train.first(THOUSAND),
        "trainval1000": trainval.first(THOUSAND),
    }

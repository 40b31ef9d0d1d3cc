"""SVHN: the digit in the middle of a 32 x 32 crop of a photographed house number."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.transfer.formats.matlab import read_mat, whole_numbers
from vivi.transfer.subset import cut, tfds_order
from vivi.transfer.task import Examples, Parts, Sizes, Task

SIDE = 32


def read_svhn(folder: Path) -> Parts:
    """The official training digits cut 90/10, and the official test digits; the extra digits are not used.

    Raises:
        ViviError: a file is missing, damaged or of another shape, or a label is not 1 to 10.
    """
    train, val = cut(_digits(folder / "train_32x32.mat", split="train"), shares=(Fraction(9, 10), Fraction(1, 10)))
    return Parts(train=train, val=val, test=_digits(folder / "test_32x32.mat", split="test"))


def _digits(file: Path, *, split: str) -> Examples:
    pixels_HWCN, raw_N1 = read_mat(file, names=("X", "y"))
    raw_N = whole_numbers(raw_N1, file=file, name="y")
    count = len(raw_N)
    if pixels_HWCN.dtype != np.uint8 or pixels_HWCN.shape != (SIDE, SIDE, 3, count) or not count:
        raise ViviError(
            f"{file}: X is not {SIDE} x {SIDE} x 3 x {count} bytes, as y has {count} labels: fetch it again"
        )
    wrong_M = np.flatnonzero((raw_N < 1) | (raw_N > 10))
    if len(wrong_M):
        raise ViviError(f"{file}, record {wrong_M[0]}: label {raw_N[wrong_M[0]]} is not 1 to 10: fetch it again")
    digits = Examples(
        labels_N=raw_N % 10,
        read=lambda at: np.array(pixels_HWCN[..., at], order="C"),
        name=lambda at: f"{file.name}, record {at}",
    )
    return digits.take(tfds_order(range(count), split=split))


TASKS = (
    Task(
        name="svhn",
        title="SVHN",
        group="natural",
        classes=10,
        sizes=Sizes(train=65_931, val=7_326, test=26_032),
        read=read_svhn,
        folder="svhn",
        files=("train_32x32.mat", "test_32x32.mat"),
        source="http://ufldl.stanford.edu/housenumbers: train_32x32.mat and test_32x32.mat",
        licence="non-commercial use only",
        gigabytes=0.25,
    ),
)

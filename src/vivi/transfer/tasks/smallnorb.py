"""smallNORB: from which side, and from how high, a toy was photographed; the left one of each pair of images."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.transfer.formats.norb import read_header, read_matrix, read_matrix_in_parts
from vivi.transfer.formats.once import Once
from vivi.transfer.subset import cut, tfds_order
from vivi.transfer.task import Examples, Parts, Sizes, Task

AZIMUTHS, ELEVATIONS = 18, 9
_TRAINING = "smallnorb-5x46789x9x18x6x2x96x96-training-{kind}.mat"
_TESTING = "smallnorb-5x01235x9x18x6x2x96x96-testing-{kind}.mat"
_ELEVATION, _AZIMUTH, _FACTS = 1, 2, 4
"""Columns of the info files, and how many there are: instance, elevation, azimuth, lighting."""
_CATEGORIES = 5


def azimuth_label(raw: int) -> int:
    """The class of an azimuth as it is stored: 0, 2 and so on to 34, in units of 10 degrees.

    Raises:
        ValueError: it is none of these.
    """
    if raw % 2 or not 0 <= raw < 2 * AZIMUTHS:
        raise ValueError(f"azimuth {raw} is not 0, 2 and so on to {2 * AZIMUTHS - 2}")
    return raw // 2


def elevation_label(raw: int) -> int:
    """The class of an elevation as it is stored: 0 to 8, 30 to 70 degrees.

    Raises:
        ValueError: it is none of these.
    """
    if not 0 <= raw < ELEVATIONS:
        raise ValueError(f"elevation {raw} is not 0 to {ELEVATIONS - 1}")
    return raw


def read_smallnorb_azi(folder: Path) -> Parts:
    """Images by their azimuth, see `read_pairs`."""
    return read_pairs(folder, column=_AZIMUTH, label=azimuth_label)


def read_smallnorb_ele(folder: Path) -> Parts:
    """Images by their elevation, see `read_pairs`."""
    return read_pairs(folder, column=_ELEVATION, label=elevation_label)


def read_pairs(folder: Path, *, column: int, label: Callable[[int], int]) -> Parts:
    """The official training images; the official test images, halved into validation and test.

    The left images of a file are read into memory when the first one is asked for.

    Args:
        folder: holds the .mat files, or .mat.gz.
        column: of the info file, which is asked for.
        label: what stands there -> its class; raises ValueError where it is not what it should be.

    Raises:
        ViviError: a file is missing, damaged, of another shape, or has another label.
    """
    train = _images(folder, _TRAINING, split="train", column=column, label=label)
    tested = _images(folder, _TESTING, split="test", column=column, label=label)
    val, test = cut(tested, shares=(Fraction(1, 2), Fraction(1, 2)))
    return Parts(train=train, val=val, test=test)


def _images(folder: Path, pattern: str, *, split: str, column: int, label: Callable[[int], int]) -> Examples:
    """All images of a file in the order of TFDS, whose keys are the numbers of the rows."""
    data, categories, facts = (_found(folder, pattern.format(kind=kind)) for kind in ("dat", "cat", "info"))
    labels_N = _labels(facts, column=column, label=label)
    count = len(labels_N)
    shape = read_header(data).shape
    if len(shape) != 4 or shape[0] != count or shape[1] != 2:
        raise ViviError(f"{data} has the shape {shape}, {facts.name} has {count} rows: fetch both again")
    kinds_N = read_matrix(categories)
    if kinds_N.shape != (count,) or not np.isin(kinds_N, range(_CATEGORIES)).all():
        raise ViviError(f"{categories} does not hold {count} categories 0 to {_CATEGORIES - 1}: fetch it again")
    left_NHW = Once(lambda: _left(data))

    def name(at: int) -> str:
        return f"{data.name}, record {at}"

    def read(at: int) -> NDArray[np.uint8]:
        return np.repeat(left_NHW(name=name(at))[at, ..., None], 3, axis=2)

    return Examples(labels_N=labels_N, read=read, name=name).take(tfds_order(range(count), split=split))


def _found(folder: Path, name: str) -> Path:
    """The file, packed or not."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise ViviError(f"{folder / name} (or .gz) is missing: fetch it from {SOURCE}")


def _labels(file: Path, *, column: int, label: Callable[[int], int]) -> NDArray[np.int64]:
    facts_NF = read_matrix(file)
    if facts_NF.ndim != 2 or facts_NF.shape[1] != _FACTS or not len(facts_NF):
        raise ViviError(f"{file} has the shape {facts_NF.shape}, not N x {_FACTS}: it is another file, fetch it again")
    labels = []
    for row, raw in enumerate(facts_NF[:, column].tolist()):
        try:
            labels.append(label(raw))
        except ValueError as error:
            raise ViviError(f"{file}, record {row}: {error}; fetch this file again") from error
    return np.array(labels, np.int64)


def _left(file: Path) -> NDArray[np.uint8]:
    """The images of the left camera, images_NHW."""
    left_NHW = np.concatenate([pairs_B2HW[:, 0] for pairs_B2HW in read_matrix_in_parts(file)])
    if left_NHW.dtype != np.uint8:
        raise ViviError(f"{file} holds {left_NHW.dtype}, not bytes: it is another file, fetch it again")
    return left_NHW


SOURCE = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/: the six files smallnorb-*.mat.gz"
TASKS = tuple(
    Task(
        name=name,
        title=title,
        group="structured",
        classes=classes,
        sizes=Sizes(train=24_300, val=12_150, test=12_150),
        read=read,
        folder="smallnorb",
        files=tuple(
            pattern.format(kind=kind) + "*" for pattern in (_TRAINING, _TESTING) for kind in ("dat", "cat", "info")
        ),
        source=SOURCE,
        licence="for research, not to be sold",
        gigabytes=0.25,
    )
    for name, title, classes, read in (
        ("smallnorb_azi", "sNORB azimuth", AZIMUTHS, read_smallnorb_azi),
        ("smallnorb_ele", "sNORB elevation", ELEVATIONS, read_smallnorb_ele),
    )
)

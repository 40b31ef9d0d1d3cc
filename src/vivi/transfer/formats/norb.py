"""The binary matrices of NORB: a magic number for the type, the number of axes, their lengths, the numbers.

All numbers are little-endian; at least three lengths are written, those beyond the number of axes mean nothing.
Source: the page of the small NORB data set, https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError

_TYPES = {507333717: "<u1", 507333716: "<i4"}
"""The types that the files of this data set have, by magic number."""
_MOST_AXES = 8
_PART = 2**24
"""About how many bytes are read at once."""
_LONGEST_ROW = 2**28
"""Bytes; more are not read."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a matrix file says of itself."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def read_header(path: Path) -> Header:
    """Type and shape of the matrix in a file, `.mat` or `.mat.gz`.

    Raises:
        ViviError: the file is missing, damaged, or another.
    """
    with _opened(path) as file:
        return _header(file)


def read_matrix(path: Path) -> NDArray[Any]:
    """The whole matrix in a file.

    Raises:
        ViviError: as `read_header`, or the file is cut off.
    """
    return np.concatenate(list(read_matrix_in_parts(path)))


def read_matrix_in_parts(path: Path) -> Iterator[NDArray[Any]]:
    """The rows of a matrix, some at a time; at least one part.

    Raises:
        ViviError: as `read_matrix`; the text names the row at which the file ends.
    """
    with _opened(path) as file:
        header = _header(file)
        rows, *rest = header.shape
        row_bytes = math.prod(rest) * header.dtype.itemsize
        if not 0 < row_bytes <= _LONGEST_ROW:
            raise ValueError(f"it announces the shape {header.shape}")
        at_once = max(1, _PART // max(1, row_bytes))
        for start in range(0, max(rows, 1), at_once):
            count = min(at_once, rows - start)
            data = file.read(count * row_bytes)
            if len(data) != count * row_bytes:
                raise ValueError(f"it ends inside row {start + len(data) // row_bytes} of {rows}")
            yield np.frombuffer(data, header.dtype).reshape(count, *rest)
        if file.read(1):
            raise ValueError("it is longer than its header says")


def _header(file: BinaryIO) -> Header:
    magic, axes = _numbers(file, 2)
    if magic not in _TYPES:
        raise ValueError(f"its magic number {magic} is none of NORB's")
    if not 1 <= axes <= _MOST_AXES:
        raise ValueError(f"it announces {axes} axes")
    lengths = _numbers(file, max(3, axes))[:axes]
    if min(lengths) < 0:
        raise ValueError(f"it announces the shape {tuple(lengths)}")
    return Header(np.dtype(_TYPES[magic]), tuple(lengths))


def _numbers(file: BinaryIO, count: int) -> list[int]:
    data = file.read(4 * count)
    if len(data) != 4 * count:
        raise ValueError("it ends inside its header")
    numbers: list[int] = np.frombuffer(data, "<i4").tolist()
    return numbers


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, unpacked on the way; whatever goes wrong with it in the `with` block becomes one clear error."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield cast(BinaryIO, file)
    except FileNotFoundError as error:
        raise ViviError(f"{path} does not exist: fetch it, or name the folder that holds it") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ViviError(f"{path} is damaged, cut off or another file ({reason}): fetch it again") from error

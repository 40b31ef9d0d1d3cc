"""Arrays in NumPy's .npz files, read one by one: members that hold pickled objects may stand beside them, untouched."""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vivi.core.errors import ViviError

_LONGEST_ROW = 2**28
_LARGEST = 2**30
"""Bytes of a row, or of an array that is read whole; more are not read."""


class _Header(NamedTuple):
    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]


def read_array(path: Path, *, name: str) -> NDArray[Any]:
    """The array `name` of a file, whole.

    Raises:
        ViviError: the file is missing or damaged, or has no such array.
    """
    with _member(path, name=name) as file:
        header = _header(file)
        size = math.prod(header.shape) * header.dtype.itemsize
        if not 0 < size <= _LARGEST:
            raise ValueError(f"it announces the shape {header.shape}")
        data = file.read(size)
        if len(data) != size:
            raise ValueError(f"it ends after {len(data)} of {size} bytes")
        _see_its_end(file)
        return np.frombuffer(data, header.dtype).reshape(header.shape, order="F" if header.is_fortran else "C")


def read_array_in_parts(path: Path, *, name: str, rows: int) -> Iterator[NDArray[Any]]:
    """The rows of an array, some at a time, so that a large one that is packed well needs little memory.

    Args:
        path: the file.
        name: of the array.
        rows: of a part; the last may have fewer.

    Raises:
        ViviError: as `read_array`, also in the middle where the damage is there, or columns are stored one by one.
    """
    with _member(path, name=name) as file:
        shape, is_fortran, dtype = _header(file)
        row_bytes = math.prod(shape[1:]) * dtype.itemsize
        if is_fortran or not 0 < row_bytes <= _LONGEST_ROW:
            raise ValueError(f"it announces the shape {shape}, or is not stored row after row")
        for start in range(0, shape[0], rows):
            count = min(rows, shape[0] - start)
            data = file.read(count * row_bytes)
            if len(data) != count * row_bytes:
                raise ValueError(f"it ends inside row {start + len(data) // row_bytes} of {shape[0]}")
            yield np.frombuffer(data, dtype).reshape(count, *shape[1:])
        _see_its_end(file)


def _see_its_end(file: IO[bytes]) -> None:
    """Nothing may follow; the checksum is compared here too."""
    if file.read(1):
        raise ValueError("it is longer than its header says")


def _header(file: IO[bytes]) -> _Header:
    """What stands in front of the numbers."""
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        header = _Header(*read(file))
    except Exception as error:  # on damaged headers numpy raises nearly every kind there is
        raise ValueError(str(error) or type(error).__name__) from error
    if header.dtype.hasobject or not header.shape:
        raise ValueError("it is not an array of numbers with rows")
    return header


@contextmanager
def _member(path: Path, *, name: str) -> Iterator[IO[bytes]]:
    """The file of an array inside `path`; whatever goes wrong with it in the `with` block becomes one clear error."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            yield file
    except KeyError as error:
        raise ViviError(f"{path} has no array {name!r}: it is not the original file, fetch it again") from error
    except FileNotFoundError as error:
        raise ViviError(f"{path} does not exist: fetch it, or name the folder that holds it") from error
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ViviError(f"{path}, array {name!r}: damaged or cut off ({reason}); fetch this file again") from error

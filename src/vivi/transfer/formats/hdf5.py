"""HDF5 files: arrays in them, opened with clear errors. Reading needs h5py, from `vivi[vtab]`."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError

_LONGEST_ROW = 2**28
_LARGEST = 2**30
"""Bytes of a row, or of an array that is read whole; more are not read."""


def open_array(path: Path, *, name: str) -> Any:
    """The h5py dataset `name` of a file, e.g. "x" or "latents/classes"; its rows are read when they are asked for.

    The file stays open as long as the array is kept. h5py lets one thread in at a time.

    Raises:
        ViviError: h5py is not installed, or the file is missing, still packed, damaged, or has no such array, or one
            that lies in other files.
    """
    h5py = _h5py()
    try:
        file = h5py.File(path, "r")
        found = file.get(name)
        is_array = isinstance(found, h5py.Dataset) and bool(found.shape) and _row_bytes(found) <= _LONGEST_ROW
        is_inside = is_array and found.file.filename == file.filename and not found.is_virtual and not found.external
    except FileNotFoundError as error:
        packed = path.with_name(f"{path.name}.gz")
        if packed.exists():
            raise ViviError(f"{packed} is still packed: unpack it with 'gunzip' and keep {path.name}") from error
        raise ViviError(f"{path} does not exist: fetch it, or name the folder that holds it") from error
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ViviError(f"{path} is damaged or cut off ({_reason(error)}): fetch it again") from error
    if is_array and not is_inside:
        raise ViviError(f"{path}: the array {name!r} lies in other files: it is not the original file, fetch it again")
    if not is_array:
        raise ViviError(f"{path} has no array {name!r}: it is not the original file, fetch it again")
    return found


def read_rows(array: Any, rows: slice | int, *, name: str) -> Any:
    """Rows of an array that `open_array` gave, as a NumPy array.

    Args:
        array: the h5py dataset.
        rows: which.
        name: what they are called in the error: file and record.

    Raises:
        ImageError: they cannot be read.
    """
    try:
        return array[rows]
    except (OSError, RuntimeError, ValueError) as error:
        raise ImageError(name, f"damaged ({_reason(error)})") from error


def read_whole(path: Path, *, name: str) -> NDArray[Any]:
    """An array of a file, whole.

    Raises:
        ViviError: as `open_array`, or the array is damaged or too large.
    """
    array = open_array(path, name=name)
    if len(array) * _row_bytes(array) > _LARGEST:
        raise ViviError(f"{path}: the array {name!r} has the shape {array.shape}: it is another file, fetch it again")
    return np.asarray(read_rows(array, slice(None), name=str(path)))


def _row_bytes(array: Any) -> int:
    size: int = array.dtype.itemsize * math.prod(array.shape[1:])
    return size


def _reason(error: Exception) -> str:
    """What the HDF5 library says, without the addresses inside the file."""
    return " ".join(str(error).split()).removesuffix(")").rpartition("(")[2] or type(error).__name__


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ViviError('reading HDF5 files needs h5py: pip install "vivi[vtab]"') from error
    return h5py

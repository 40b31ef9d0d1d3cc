"""The named arrays of a file of weights, whatever program wrote it; nothing in such a file is ever run."""

import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from vivi.convert.caffemodel import read_caffemodel
from vivi.convert.tensor_bundle import find_bundle, is_old_checkpoint, read_bundle
from vivi.core.errors import CheckpointError

Variables = dict[str, NDArray[np.generic]]
_SHOWN = 5
_DAMAGE = (ValueError, KeyError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What zipfile, zlib and NumPy raise over archives that are cut off, changed, encrypted or of another kind."""


def read_variables(source: Path) -> Variables:
    """Names and arrays of `source`.

    Args:
        source: NAME.npz; NAME.caffemodel; a TensorFlow checkpoint X by X.index, by X itself or by the folder that
            holds it, which may be an unpacked TF-Hub module.

    Raises:
        CheckpointError: missing, of another kind, or damaged.
    """
    if source.suffix == ".npz" and source.is_file():
        found = _read_npz(source)
    elif source.suffix == ".caffemodel" and source.is_file():
        found = read_caffemodel(source)
    elif (prefix := find_bundle(source)) is not None:
        found = read_bundle(prefix)
    else:
        raise CheckpointError(_unreadable(source))
    return {name.removesuffix(":0"): values for name, values in found.items()}


def listed(names: Collection[str], variables: Variables) -> str:
    """The first of these names with their shapes, and how many more there are."""
    return with_shapes({name: variables[name].shape for name in names})


def with_shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The first of these names with their shapes, and how many more there are."""
    shown = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:_SHOWN])
    return shown + (f" and {len(shapes) - _SHOWN} more" if len(shapes) > _SHOWN else "")


def _read_npz(path: Path) -> Variables:
    try:
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as arrays:
            return {name: _array(arrays, name) for name in arrays.files}
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise CheckpointError(f"{path} is not a .npz file of plain arrays ({error}): copy it again") from error


def _array(arrays: NpzFile, name: str) -> NDArray[np.generic]:
    """NumPy says of objects that pickle could load them; vivi runs nothing, so that advice is kept back."""
    try:
        values = arrays[name]
    except (ValueError, SyntaxError, TokenError) as error:
        raise ValueError(f"{name} holds Python objects, which vivi does not load, or is damaged") from error
    if not isinstance(values, np.ndarray):
        raise ValueError(f"{name} is a file of another kind")
    return values


def _unreadable(source: Path) -> str:
    kinds = "a .npz file, a .caffemodel file, or a TensorFlow checkpoint (X.index beside X.data-00000-of-00001)"
    if source.is_file() and is_old_checkpoint(source):
        return f"{source} is a TensorFlow checkpoint of the first format: restore and save it with tf.train.Saver"
    if source.is_dir():
        return f"{source} holds no X.index of a TensorFlow checkpoint: give {kinds}"
    if source.is_file():
        return f"{source} is of no kind that vivi converts: give {kinds}, unpacked"
    return f"{source} does not exist: give {kinds}"

"""Arrays of numbers in MATLAB files of versions 5 to 7, which hold some official labels and images.

A file is a header and elements; an element is its type, its length and its content, filled up to eight bytes. An array
is an element of elements: flags, lengths of the axes, name, numbers; it may lie packed inside another element. Source:
MathWorks, "MAT-File Format". It is read here because damaged files can crash the reader of SciPy.
"""

import math
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError

_HEADER = 128
_LITTLE_ENDIAN, _VERSION_7_3 = b"\x00\x01IM", b"\x00\x02IM"
_ARRAY, _PACKED = 14, 15
_STORED = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
"""Types of elements that hold numbers."""
_OF_NUMBERS = range(6, 16)
"""Types of arrays that hold numbers, and not cells, structures or text."""
_COMPLEX = 8
_PART = 2**16
"""Packed bytes that are unpacked at once."""
_LARGEST = 2**30
"""Bytes; no more are unpacked."""


class _Element(NamedTuple):
    kind: int
    content: memoryview
    end: int
    """Where the next one starts."""


def read_mat(file: Path, *, names: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
    """The arrays of numbers of these names, of the type that they are stored in, which may be smaller than is meant.

    Raises:
        ViviError: the file is missing, damaged or lacks one of them; the text names it.
    """
    try:
        found = dict(_arrays(_opened(file)))
    except FileNotFoundError as error:
        raise ViviError(f"{file} is missing: fetch it") from error
    except (OSError, ValueError, zlib.error) as error:
        raise ViviError(f"{file} is damaged or no MATLAB file of version 5 to 7 ({error}): fetch it again") from error
    for name in names:
        if name not in found:
            raise ViviError(f"{file} has no numeric array {name!r}: it is another file, fetch it again")
    return tuple(found[name] for name in names)


def whole_numbers(values: NDArray[Any], *, file: Path, name: str) -> NDArray[np.int64]:
    """The values of an array, one after the other, as integers, whatever type they are stored in.

    Args:
        values: what `read_mat` gave.
        file: where they come from, for errors.
        name: of the array, for errors.

    Raises:
        ViviError: a value is no whole number.
    """
    flat_N = values.reshape(-1, order="F")
    if flat_N.dtype.kind == "f" and not (np.isfinite(flat_N) & (np.floor(flat_N) == flat_N)).all():
        raise ViviError(f"{file}: the array {name!r} holds numbers that are not whole: fetch it again")
    return flat_N.astype(np.int64)


def _opened(file: Path) -> memoryview:
    """The elements of a file, brought into memory as they are looked at."""
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
        if header[-4:] == _VERSION_7_3:
            raise ValueError("it is of version 7.3")
        if len(header) < _HEADER or header[-4:] != _LITTLE_ENDIAN:
            raise ValueError("it has another header")
        return memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))[_HEADER:]


def _arrays(elements: memoryview) -> Iterator[tuple[str, NDArray[Any]]]:
    """Name and values of each array of numbers."""
    for element in _each(elements):
        inner = _element(_unpacked(element.content), 0) if element.kind == _PACKED else element
        if inner.kind == _ARRAY:
            yield from _array(inner.content)


def _array(content: memoryview) -> Iterator[tuple[str, NDArray[Any]]]:
    """Name and values of an array, if it is one of numbers."""
    elements = _each(content)
    flags, lengths, name = (next(elements, None) for _ in range(3))
    if flags is None or len(flags.content) < 2 or lengths is None or name is None:
        raise ValueError("an array without a name")
    kind, is_complex = flags.content[0], flags.content[1] & _COMPLEX
    if kind not in _OF_NUMBERS or is_complex:
        return
    lengths_A = _numbers(lengths)
    if lengths_A.dtype.kind == "f":
        raise ValueError("lengths of the axes that are not whole numbers")
    shape = lengths_A.tolist()
    stored = next(elements, None)
    values = np.empty(0, np.uint8) if stored is None else _numbers(stored)
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{len(values)} numbers for an array of shape {shape}")
    yield bytes(name.content).decode("ascii"), values.reshape(shape, order="F")


def _numbers(element: _Element) -> NDArray[Any]:
    if element.kind not in _STORED:
        raise ValueError(f"an element of type {element.kind} where numbers should be")
    return np.frombuffer(element.content, _STORED[element.kind])


def _each(data: memoryview) -> Iterator[_Element]:
    position = 0
    while position < len(data):
        element = _element(data, position)
        yield element
        position = element.end


def _element(data: memoryview, position: int) -> _Element:
    """The element that starts at `position`."""
    head = data[position : position + 8]
    if len(head) < 8:
        raise ValueError("it ends inside an element")
    first, size = (int.from_bytes(head[start : start + 4], "little") for start in (0, 4))
    if first >> 16:  # a short one, whose content stands in place of its length
        kind, size, start = first & 0xFFFF, first >> 16, position + 4
        end = position + 8
    else:
        kind, start = first, position + 8
        end = start + (size if kind == _PACKED else -(-size // 8) * 8)
    if start + size > min(len(data), end):
        raise ValueError("it ends inside an element")
    return _Element(kind, data[start : start + size], end)


def _unpacked(packed: memoryview) -> memoryview:
    unpacker, found = zlib.decompressobj(), bytearray()
    for start in range(0, len(packed), _PART):
        found += unpacker.decompress(packed[start : start + _PART])
        if len(found) > _LARGEST:
            raise ValueError(f"an array of more than {_LARGEST} bytes")
    if not unpacker.eof:
        raise ValueError("it ends inside a packed array")
    return memoryview(found)

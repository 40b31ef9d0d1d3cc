"""TFRecord files: records one behind the other, found again by their number.

A record is its length (8 bytes), the checksum of that, the payload, and its checksum (4 bytes each), all little-endian;
checksums are masked CRC-32C. Source: tensorflow/tensorflow core/lib/io/record_writer.h.
"""

import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vivi.core.crc32c import masked_crc32c
from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError

T = TypeVar("T")
_HEAD, _TAIL = 12, 4
_DAMAGED = "damaged (its checksum is wrong)"
_REMEDY = "fetch or prepare this file again"


@dataclass(frozen=True, slots=True)
class RecordFile:
    """Where the records of a TFRecord file lie. No file is held open, so there may be thousands."""

    path: Path
    starts_N: NDArray[np.int64]
    """First byte of each payload."""
    sizes_N: NDArray[np.int64]
    """Bytes of each payload."""

    def __len__(self) -> int:
        """N, the records of the file."""
        return len(self.starts_N)

    def name(self, at: int) -> str:
        """What the record is called in messages; the first is record 0."""
        return f"{self.path}, record {at}"

    def read(self, at: int) -> bytes:
        """The payload of one record, checked. Safe to call from threads.

        Raises:
            ImageError: the file cannot be read any more, or the record is not what was written.
        """
        size = int(self.sizes_N[at])
        try:
            handle = os.open(self.path, os.O_RDONLY)
            try:
                stored = os.pread(handle, size + _TAIL, int(self.starts_N[at]))
            finally:
                os.close(handle)
        except OSError as error:
            raise ImageError(self.name(at), f"unreadable ({error.strerror})") from error
        payload = stored[:size]
        if not _is_whole(payload, checksum=stored[size:]):
            raise ImageError(self.name(at), _DAMAGED)
        return payload


def index_records(path: Path, *, visit: Callable[[memoryview], T]) -> tuple[RecordFile, list[T]]:
    """Find all records of a file in one pass.

    Lengths are checked by their checksums here, payloads when they are read.

    Args:
        path: the file.
        visit: called with the payload of each record, not yet checked; no more of the payload is read than it looks at.
            It must not keep parts of the payload, and raises ValueError where that is not what it should be.

    Returns:
        The records, and what `visit` gave for each.

    Raises:
        ViviError: the file is missing, cut off or damaged, or `visit` refused a record; the text names file and record.
    """
    starts: list[int] = []
    sizes: list[int] = []
    visited: list[T] = []
    content = _content(path)
    position = 0
    while position < len(content):
        start, size = position + _HEAD, _size(content, position, path=path, number=len(starts))
        end = start + size
        try:
            visited.append(visit(content[start:end]))
        except ValueError as error:
            is_whole = _is_whole(content[start:end], checksum=content[end : end + _TAIL])
            reason = str(error) if is_whole else _DAMAGED
            raise ViviError(f"{path}, record {len(starts)}: {reason}; {_REMEDY}") from error
        starts.append(start)
        sizes.append(size)
        position = end + _TAIL
    return RecordFile(path, np.array(starts, np.int64), np.array(sizes, np.int64)), visited


def _size(content: memoryview, position: int, *, path: Path, number: int) -> int:
    """Bytes of the payload of the record that starts at `position`, which lies in the file to its last byte."""
    length = content[position : position + 8]
    checksum = content[position + 8 : position + _HEAD]
    is_there = len(checksum) == _TAIL
    if is_there and not _is_whole(length, checksum=checksum):
        raise ViviError(
            f"{path}, record {number}: damaged at byte {position} (the checksum of its length is wrong); {_REMEDY}"
        )
    size = int.from_bytes(length, "little")
    if not is_there or position + _HEAD + size + _TAIL > len(content):
        raise ViviError(
            f"{path}, record {number}: the file is cut off inside this record, at byte {len(content)}; {_REMEDY}"
        )
    return size


def _is_whole(data: bytes | memoryview, *, checksum: bytes | memoryview) -> bool:
    return masked_crc32c(data) == int.from_bytes(checksum, "little")


def _content(path: Path) -> memoryview:
    """The bytes of a file, brought into memory as they are looked at."""
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:  # nothing to map
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise ViviError(f"cannot read {path}: {error.strerror}; {_REMEDY}") from error

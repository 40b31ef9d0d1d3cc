"""Videos within tar files, such as the shards of WebDataset. Members are found by their offset, nothing is unpacked.

Only regular members are read, and what they are called is a name in the store, never a path of a file.
"""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from vivi.data.store.format import Skip, printable
from vivi.video.listing import Candidate
from vivi.video.names import joined, refuse_name
from vivi.video.places import ArchiveMember

_HEADER = 1 << 20
"""Bytes of the longest header that is read: names and attributes of a member."""
_UNREADABLE = (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError, MemoryError)


def search_archive(archive: Path, *, label: str) -> Iterator[Candidate | Skip]:
    """Every member of an uncompressed tar file, in order; links, devices and the like are refused.

    Args:
        archive: a regular file.
        label: what the members' paths in the store begin with.
    """
    try:
        with archive.open("rb") as file:
            version = f"{os.fstat(file.fileno()).st_mtime_ns}"
            reads: Any = _ShortReads(file)
            with tarfile.open(fileobj=reads, mode="r:") as members:
                yield from _members(members, archive, label=label, version=version)
            yield from _check_end(file, members.offset, label=label)
    except _UNREADABLE as error:
        detail = printable(f"the archive cannot be read further ({type(error).__name__}: {error})")
        yield Skip(printable(label), "corrupt", detail, 0)


def _members(members: tarfile.TarFile, archive: Path, *, label: str, version: str) -> Iterator[Candidate | Skip]:
    while (member := members.next()) is not None:
        vars(members)["members"] = []  # it would keep all of them
        if member.isdir():
            continue
        path = joined(label, member.name)
        if not member.isreg() or member.issparse():
            yield Skip(printable(path), "not a regular file", "a link, a device or the like in an archive", 0)
        else:
            place = ArchiveMember(str(archive), member.offset_data, member.size, member.name)
            yield refuse_name(path, size=member.size) or Candidate(path, place, member.size, version)


def _check_end(file: BinaryIO, offset: int, *, label: str) -> Iterator[Skip]:
    """A tar file ends with blocks of zeros; one that was cut between two members looks whole otherwise."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        yield Skip(printable(label), "truncated", f"the archive has no end behind byte {offset}", 0)
    elif block.strip(b"\0"):
        yield Skip(printable(label), "corrupt", f"no member begins at byte {offset} of the archive", 0)


class _ShortReads:
    """A file that gives no header of gigabytes, whatever a member says of itself."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Up to a mebibyte.

        Raises:
            ReadError: more was asked for.
        """
        if not 0 <= size <= _HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

"""Videos within tar files, such as the shards of WebDataset. Members are found by their offset, nothing is unpacked.

Only regular members are read, and what they are called is a name in the store, never a path of a file. A tar file on a
server is read where it lies: a piece of `_AHEAD` bytes at each header, then each video by itself.
"""

import os
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from vivi.core.remote import RemoteFile, RemoteFolder
from vivi.data.store.format import Skip, printable
from vivi.video.listing import Candidate
from vivi.video.names import joined, refuse_name
from vivi.video.places import ArchiveMember, Place, PlaceError, RemoteMember, told_of_web

_HEADER = 1 << 20
"""Bytes of the longest header that is read: names and attributes of a member."""
_AHEAD = 1 << 16
"""Bytes of a request to a server."""
_UNREADABLE = (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError, MemoryError)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...
    def tell(self) -> int: ...


def search_archive(archive: Path, *, label: str) -> Iterator[Candidate | Skip]:
    """Every member of an uncompressed tar file, in order; links, devices and the like are refused.

    Args:
        archive: a regular file.
        label: what the members' paths in the store begin with.
    """
    try:
        with archive.open("rb") as file:
            state = os.fstat(file.fileno())
            members = _Members(state.st_size, partial(ArchiveMember, str(archive)), f"{state.st_mtime_ns}")
            yield from members.search(file, label=label)
    except OSError as error:
        yield Skip(printable(label), "unreadable", printable(error.strerror or str(error)), 0)


def search_remote_archive(url: str, *, label: str) -> Iterator[Candidate | Skip]:
    """Every member of an uncompressed tar file of a server, as `search_archive`.

    Args:
        url: of the tar file; its server must answer requests for byte ranges.
        label: what the members' paths in the store begin with.

    Raises:
        ViviError: an object store refuses or cannot be reached, or obstore is not installed.
    """
    try:
        with told_of_web(url):
            folder, name = RemoteFolder.of_file(url)
            about = folder.about(name)
            members = _Members(about.size, partial(RemoteMember, url, version=about.version), about.version)
            yield from members.search(_RemoteReads(folder, about), label=label)
    except PlaceError as error:
        yield Skip(printable(label), error.reason, printable(error.detail), 0)


class _Members:
    """The members of one archive as places."""

    def __init__(self, size: int, place: Callable[..., Place], version: str) -> None:
        """Of an archive of `size` bytes; `place` takes offset, bytes and name of a member."""
        self._size, self._place, self._version = size, place, version

    def search(self, file: _Readable, *, label: str) -> Iterator[Candidate | Skip]:
        """All of them, and a refusal of the archive itself where it is damaged."""
        try:
            reads: Any = _ShortReads(file)
            with tarfile.open(fileobj=reads, mode="r:") as members:
                yield from self._each(members, label=label)
            yield from _check_end(file, members.offset, label=label)
        except _UNREADABLE as error:
            detail = printable(f"the archive cannot be read further ({type(error).__name__}: {error})")
            yield Skip(printable(label), "corrupt", detail, 0)

    def _each(self, members: tarfile.TarFile, *, label: str) -> Iterator[Candidate | Skip]:
        before = -1
        while (member := members.next()) is not None:
            vars(members)["members"] = []  # it would keep all of them
            if member.size < 0 or member.offset <= before:
                raise tarfile.ReadError(f"the header at byte {member.offset} leads back")
            before = member.offset
            if member.isdir():
                continue
            path = joined(label, member.name)
            if not member.isreg() or member.issparse():
                yield Skip(printable(path), "not a regular file", "a link, a device or the like in an archive", 0)
            elif member.offset_data + member.size > self._size:
                yield Skip(printable(path), "truncated", f"it ends behind the {self._size} bytes of the archive", 0)
            else:
                place = self._place(member.offset_data, member.size, member.name)
                yield refuse_name(path, size=member.size) or Candidate(path, place, member.size, self._version)


def _check_end(file: _Readable, offset: int, *, label: str) -> Iterator[Skip]:
    """A tar file ends with blocks of zeros; one that was cut between two members looks whole otherwise."""
    file.seek(offset)
    block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        yield Skip(printable(label), "truncated", f"the archive has no end behind byte {offset}", 0)
    elif block.strip(b"\0"):
        yield Skip(printable(label), "corrupt", f"no member begins at byte {offset} of the archive", 0)


class _ShortReads:
    """A file that gives no header of gigabytes, whatever a member says of itself."""

    def __init__(self, file: _Readable) -> None:
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


class _RemoteReads:
    """A file of a server that is read from front to back, with jumps."""

    def __init__(self, folder: RemoteFolder, about: RemoteFile) -> None:
        self._folder, self._about = folder, about
        self._at = self._begin = 0
        self._ahead = b""

    def seek(self, offset: int) -> int:
        """Go to a byte.

        Raises:
            ReadError: there is none before the first.
        """
        if offset < 0:
            raise tarfile.ReadError(f"nothing is at byte {offset}")
        self._at = offset
        return offset

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end.

        Raises:
            RemoteError: the server does not give them.
        """
        end = min(self._at + size, self._about.size)
        if not self._begin <= self._at <= end <= self._begin + len(self._ahead):
            self._begin = self._at
            wanted = min(max(size, _AHEAD), max(self._about.size - self._at, 0))
            self._ahead = self._folder.read(self._about.name, self._at, wanted)
        data = self._ahead[self._at - self._begin : end - self._begin] if end > self._at else b""
        self._at += len(data)
        return data

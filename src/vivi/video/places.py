"""Where the bytes of a video lie, and how a worker gets hold of them as a local regular file.

What is not such a file already is copied to the scratch folder under the video's key, no more than the announced bytes,
and deleted when it has been decoded. So no name of an archive member or of an object ever becomes part of a path.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from vivi.core.errors import ViviError
from vivi.core.files import TEMPORARY, disk_full_named
from vivi.core.remote import NO_RANGES, RemoteError, RemoteFile, RemoteFolder

LARGEST = 64 << 30
"""Bytes of the largest video that is copied."""
_CHUNK = 1 << 20


class PlaceError(ViviError):
    """A video whose bytes are not to be had: `reason` is a short phrase of a fixed set."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file of this machine, or of a folder that all machines share."""

    file: str

    @contextmanager
    def fetched(self, scratch: Path, *, key: str) -> Iterator[Path]:  # noqa: ARG002
        """The file itself.

        Raises:
            ViviError: this machine does not see its folder.
        """
        _check_seen(Path(self.file))
        yield Path(self.file)


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """Bytes within a tar file."""

    archive: str
    offset: int
    bytes: int
    name: str
    """Its name in the archive, of which nothing but a plain extension is used."""

    @contextmanager
    def fetched(self, scratch: Path, *, key: str) -> Iterator[Path]:
        """A copy, until the end of the block.

        Raises:
            PlaceError: "unreadable", "truncated" or "too large".
            DiskFullError: no space for the copy.
            ViviError: this machine does not see the archive's folder.
        """
        _check_seen(Path(self.archive))
        copy = scratch_file(scratch, key=key, name=self.name)
        archive = Path(self.archive)
        _check_size(self.bytes)
        try:
            with disk_full_named(copy), copy.open("wb") as file:
                try:
                    opened = archive.open("rb")
                except OSError as error:
                    raise PlaceError("unreadable", error.strerror or str(error)) from error
                with opened as source:
                    source.seek(self.offset)
                    _copy(source, file, size=self.bytes)
            yield copy
        finally:
            copy.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """An object of an object store, or a file of a web server."""

    url: str
    bytes: int
    """As listed; 0 if that was not asked for."""
    tag: str
    """What the server calls this version of it; empty if that was not asked for."""

    @contextmanager
    def fetched(self, scratch: Path, *, key: str) -> Iterator[Path]:
        """A copy, until the end of the block.

        A server that cannot be reached or refuses costs the video where it is one of the web's; a whole object store
        that does so concerns all of the run.

        Raises:
            PlaceError: "not there", "unreadable", "changed" or "too large".
            RemoteError: the object store cannot be read.
            DiskFullError: no space for the copy.
        """
        with told_of_web(self.url):
            folder, name = RemoteFolder.of_file(self.url)
            copy = scratch_file(scratch, key=key, name=name)
            try:
                with _unchanged(folder, name) as about:
                    _check_listed(not self.tag or about.tag == self.tag)
                    _check_size(about.size)
                    _download(folder, name, copy)
                yield copy
            finally:
                copy.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RemoteMember:
    """Bytes within a tar file of an object store or web server, which has to answer requests for byte ranges."""

    url: str
    """Of the tar file."""
    offset: int
    bytes: int
    name: str
    """Its name in the archive, of which nothing but a plain extension is used."""
    version: str
    """Of the tar file when its members were listed, see `RemoteFile.version`."""

    @contextmanager
    def fetched(self, scratch: Path, *, key: str) -> Iterator[Path]:
        """A copy of these bytes alone, until the end of the block; otherwise as `RemoteObject.fetched`."""
        with told_of_web(self.url):
            folder, name = RemoteFolder.of_file(self.url)
            copy = scratch_file(scratch, key=key, name=self.name)
            _check_size(self.bytes)
            try:
                with _unchanged(folder, name) as about:
                    _check_listed(about.version == self.version)
                    folder.download_part(name, copy, offset=self.offset, size=self.bytes)
                yield copy
            finally:
                copy.unlink(missing_ok=True)


Place = LocalFile | ArchiveMember | RemoteObject | RemoteMember
_KINDS: tuple[type[Place], ...] = (LocalFile, ArchiveMember, RemoteObject, RemoteMember)


def place_values(place: Place) -> dict[str, Any]:
    """A place as JSON values."""
    return {"kind": type(place).__name__} | asdict(place)


def place_from(values: dict[str, Any]) -> Place:
    """A place from its JSON values."""
    kinds = {kind.__name__: kind for kind in _KINDS}
    return kinds[values["kind"]](**{name: value for name, value in values.items() if name != "kind"})


def scratch_file(scratch: Path, *, key: str, name: str) -> Path:
    """Where the copy of a video lies; the folder is made, and what a worker that was killed left of it deleted."""
    scratch.mkdir(parents=True, exist_ok=True)
    clear_scratch(scratch, key=key)
    extension = PurePosixPath(name).suffix[1:].lower()
    plain = f".{extension}" if extension.isascii() and extension.isalnum() and len(extension) <= 8 else ""
    return scratch / f"{TEMPORARY}{key}{plain}"


def clear_scratch(scratch: Path, *, key: str) -> None:
    """Delete what a worker that was killed has left of a video."""
    for left in scratch.glob(f"{TEMPORARY}*{key}*"):
        left.unlink(missing_ok=True)


def _check_seen(file: Path) -> None:
    """A file may be deleted meanwhile; a folder that is not there means a machine that does not share it."""
    if not file.parent.is_dir():
        where = f"machine {socket.gethostname()} does not see {file.parent}"
        raise ViviError(f"{where}, which was there before: all machines have to share it")


@contextmanager
def told_of_web(url: str) -> Iterator[None]:
    """Where a server of the web refuses or is not to be reached, and where a file is gone, only that file is lost.

    Raises:
        PlaceError: "not there" or "unreadable".
        RemoteError: an object store cannot be read.
    """
    try:
        yield
    except RemoteError as error:
        if error.missing:
            raise PlaceError("not there", str(error)) from error
        if url.startswith("http"):
            raise PlaceError("unreadable", str(error)) from error
        raise


@contextmanager
def _unchanged(folder: RemoteFolder, name: str) -> Iterator[RemoteFile]:
    """What the server says of a file, which must be the same when the block ends."""
    about = folder.about(name)
    yield about
    if folder.about(name) != about:
        raise PlaceError("changed", "it was changed while it was copied")


def _check_listed(is_same: bool) -> None:
    if not is_same:
        raise PlaceError("changed", "it is another version than the one that was listed")


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise PlaceError("too large", f"{size} bytes, at most {LARGEST} are copied")


def _download(folder: RemoteFolder, name: str, copy: Path) -> None:
    try:
        folder.download(name, copy, limit=LARGEST)
    except RemoteError as error:
        if NO_RANGES not in str(error):
            raise
        folder.download_at_once(name, copy, limit=LARGEST)


def _copy(source: BinaryIO, file: BinaryIO, *, size: int) -> None:
    left = size
    while left and (chunk := source.read(min(left, _CHUNK))):
        file.write(chunk)
        left -= len(chunk)
    if left:
        raise PlaceError("truncated", f"the archive ends {left} bytes before the end of this member")


__all__ = [
    "ArchiveMember",
    "LocalFile",
    "Place",
    "PlaceError",
    "RemoteMember",
    "RemoteObject",
    "clear_scratch",
    "place_from",
    "place_values",
    "scratch_file",
    "told_of_web",
]

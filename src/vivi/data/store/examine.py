"""Reading a whole store, and naming all that is damaged and the frames that it costs."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from vivi.core.errors import StoreError
from vivi.core.remote import RemoteError, RemoteFolder, address
from vivi.data.store import format as layout
from vivi.data.store.files import forbidden
from vivi.data.store.index import Index, read_index
from vivi.data.store.lines import parsed_line
from vivi.data.store.manifest import LARGEST, FileEntry, Manifest, manifest_bytes
from vivi.data.store.remote_shards import fetch_lists

_PIECE = 4 << 20
_FRAME = ("frame_offset", "frame_bytes", "frame_crc32")


@dataclass(frozen=True, slots=True)
class LostFrames:
    """Frames of one video that do not match their checksums any more."""

    video: int
    path: str
    """Of the video, as videos.jsonl has it."""
    frames: tuple[int, ...]
    """Their numbers in the video."""
    of: int
    """Frames that the video had."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of a store that is not what the manifest says."""

    file: str
    """Its path in the store."""
    what: str
    lost: tuple[LostFrames, ...] | None = ()
    """What it costs; nothing where only bytes between frames differ; None where the index does not allow to say."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What came out."""

    files: int
    bytes: int
    damages: tuple[Damage, ...]


class _Folder(Protocol):
    """The files of a store, here or far away, whatever is wrong with them."""

    def manifest(self) -> Manifest:
        """What store.json says."""

    def size(self, name: str) -> int | None:
        """Bytes, or None where there is no such file."""

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Bytes of a file, fewer where it is shorter."""

    def extras(self, known: set[str]) -> list[str]:
        """Shards that do not belong there."""

    def lists(self) -> AbstractContextManager[Path]:
        """A folder with the index and videos.jsonl, which are sound."""


def examine(path: Path | str, *, progress: Callable[[int, int], None] = lambda *_: None) -> Examined:
    """Compare every file of a store with its size and its sha256, and the frames of damaged shards with their CRC-32.

    Args:
        path: a folder or a remote address.
        progress: called with the bytes that were read so far, and all.

    Raises:
        StoreError: there is no store, or its store.json is damaged: then nothing can be said.
        RemoteError: it cannot be reached.
    """
    url = address(path)
    folder: _Folder = _Local(Path(path)) if url is None else _Remote(url)
    manifest = folder.manifest()
    total, done = sum(entry.bytes for entry in manifest.files.values()), 0

    def count(read: int) -> None:
        nonlocal done
        done += read
        progress(done, total)

    found = {name: _difference(folder, name, entry, count) for name, entry in manifest.files.items()}
    wrong = {name: what for name, what in found.items() if what}
    costs = _costs(folder, manifest, wrong)
    damages = [Damage(name, what, costs[name]) for name, what in wrong.items()]
    damages += [Damage(name, "does not belong to the store") for name in folder.extras(set(manifest.files))]
    return Examined(files=len(manifest.files), bytes=total, damages=tuple(damages))


def _difference(folder: _Folder, name: str, entry: FileEntry, count: Callable[[int], None]) -> str:
    """What is wrong with a file, or nothing."""
    size = folder.size(name)
    if size != entry.bytes:
        count(entry.bytes)
        return "is missing" if size is None else f"has {size} bytes instead of {entry.bytes}"
    digest = hashlib.sha256()
    for begin in range(0, size, _PIECE):
        data = folder.read(name, begin, min(_PIECE, size - begin))
        digest.update(data)
        count(len(data))
    return "" if digest.hexdigest() == entry.sha256 else "does not have the recorded sha256"


def _costs(folder: _Folder, manifest: Manifest, wrong: dict[str, str]) -> dict[str, tuple[LostFrames, ...] | None]:
    if not wrong:
        return {}
    if any(name in manifest.lists and name != layout.SKIPPED for name in wrong):
        return dict.fromkeys(wrong)
    numbers = {layout.shard_name(number): number for number in range(len(manifest.shards))}
    with folder.lists() as lists:
        index = read_index(lists, manifest)
        return {
            name: _lost(folder, lists, index, shard=numbers[name]) if name in numbers else ()
            for name in wrong
        }  # fmt: skip


def _lost(folder: _Folder, lists: Path, index: Index, *, shard: int) -> tuple[LostFrames, ...]:
    name, found = layout.shard_name(shard), []
    there = folder.size(name) or 0

    def is_lost(at: int, size: int, checksum: int) -> bool:
        inside = 0 <= at <= at + size <= there
        return not inside or zlib.crc32(folder.read(name, at, size)) != checksum

    for video in np.flatnonzero(index["video_shard"] == shard).tolist():
        start, end = index["frame_start"][video : video + 2].tolist()
        columns = zip(*(index[each][start:end].tolist() for each in _FRAME), strict=True)
        frames = tuple(number for number, column in enumerate(columns) if is_lost(*column))
        if frames:
            found.append(LostFrames(video, _path(lists, index, video), frames, end - start))
    return tuple(found)


def _path(lists: Path, index: Index, video: int) -> str:
    start, end = index["video_line"][video : video + 2].tolist()
    with (lists / layout.VIDEOS).open("rb") as file:
        file.seek(start)
        return str(parsed_line(file.read(end - start), what=f"line {video + 1} of {file.name}")["path"])


class _Local:
    """A store in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def manifest(self) -> Manifest:
        return Manifest.parse(manifest_bytes(self._root), name=str(self._root / layout.MANIFEST))

    def size(self, name: str) -> int | None:
        file = self._root / name
        try:
            return file.stat().st_size if file.is_file() else None
        except PermissionError as error:
            raise forbidden(file, error) from error
        except OSError:
            return None

    def read(self, name: str, offset: int, size: int) -> bytes:
        try:
            with (self._root / name).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError as error:
            raise StoreError(f"cannot read {self._root / name} ({error.strerror}): look at the disk") from error

    def extras(self, known: set[str]) -> list[str]:
        return sorted({f"{layout.SHARDS}/{each.name}" for each in (self._root / layout.SHARDS).glob("*")} - known)

    @contextmanager
    def lists(self) -> Iterator[Path]:
        yield self._root


class _Remote:
    """A store at an address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._folder = RemoteFolder.open(url)

    def manifest(self) -> Manifest:
        data = self._folder.read_all(layout.MANIFEST, limit=LARGEST)
        return Manifest.parse(data, name=f"{self._folder.url}/{layout.MANIFEST}")

    def size(self, name: str) -> int | None:
        try:
            return self._folder.size(name)
        except RemoteError as error:
            if error.missing:
                return None
            raise

    def read(self, name: str, offset: int, size: int) -> bytes:
        return self._folder.read(name, offset, size)

    def extras(self, known: set[str]) -> list[str]:  # noqa: ARG002
        return []

    @contextmanager
    def lists(self) -> Iterator[Path]:
        held = fetch_lists(self._url).held
        try:
            yield held.path
        finally:
            held.release()

"""Stores in object storage: index and lists copied into the cache once, frames read in blocks that are kept there.

    CACHE/folders/<sha256 of store.json>/     store.json, index/, videos.jsonl, skipped.csv; checked when copied
    CACHE/blocks/<sha256 of a shard>-<n>      bytes n * BLOCK to (n + 1) * BLOCK of that shard

Both are named by what they hold, so a copy of a store elsewhere, or one that was merged of the same shards, finds them.
"""

import weakref
from dataclasses import dataclass
from pathlib import Path

from vivi.core.cache import Cache, Held
from vivi.core.errors import StoreError
from vivi.core.files import sha256_file, write_bytes
from vivi.core.remote import RemoteFolder
from vivi.data.store import format as layout
from vivi.data.store.manifest import AGAIN, LARGEST, FileEntry, Manifest

BLOCK = 128 << 10
"""Bytes of a block: a shot of 8 frames lies in one or two or three."""
ASKED = 8
"""Shards whose size is compared with the manifest when a store is opened, evenly spread."""


@dataclass(frozen=True, slots=True)
class RemoteLists:
    """What was copied of a remote store."""

    folder: RemoteFolder
    manifest: Manifest
    held: Held
    cache: Cache


def fetch_lists(url: str) -> RemoteLists:
    """Copy the index and the lists of the store at `url` into the cache, unless they are there.

    Raises:
        StoreError: no store, of another version, or damaged.
        RemoteError: it cannot be reached.
        DiskFullError: no space for the index.
    """
    folder, cache = RemoteFolder.open(url), Cache.open()
    data = folder.read_all(layout.MANIFEST, limit=LARGEST)
    manifest = Manifest.parse(data, name=f"{folder.url}/{layout.MANIFEST}")

    def make(path: Path) -> None:
        for name, entry in manifest.lists.items():
            _fetch(folder, name, entry, path / name)
        write_bytes(path / layout.MANIFEST, data)

    return RemoteLists(folder, manifest, cache.hold(manifest.digest, make=make), cache)


class RemoteShards:
    """The shards of a remote store; see `vivi.data.store.files.ShardFiles`."""

    def __init__(self, lists: RemoteLists) -> None:
        self.where: str = lists.folder.url
        self._folder, self._cache = lists.folder, lists.cache
        self._entries = lists.manifest.files
        self._finalizer = weakref.finalize(self, lists.held.release)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """See `ShardFiles`; blocks that are not in the cache and lie side by side come by one request."""
        entry = self._entries[name]
        if not 0 <= offset <= offset + size <= entry.bytes:
            raise StoreError(f"{self.where}/{name} has no {size} bytes at {offset}, the index is damaged: {AGAIN}")
        numbers = _blocks(offset, size)
        blocks = {number: self._cache.get(_key(entry, number)) for number in numbers}
        for run in _runs([number for number, block in blocks.items() if block is None]):
            blocks |= self._fetch(name, entry, run)
        data = b"".join(blocks[number] or b"" for number in numbers)
        begin = offset - numbers.start * BLOCK
        return data[begin : begin + size]

    def forget(self, name: str, offset: int, size: int) -> bool:
        """See `ShardFiles`."""
        keys = [_key(self._entries[name], number) for number in _blocks(offset, size)]
        return sum(self._cache.remove(key) for key in keys) > 0

    def close(self) -> None:
        """Let the index in the cache go."""
        self._finalizer()

    def _fetch(self, name: str, entry: FileEntry, run: range) -> dict[int, bytes]:
        begin, end = run.start * BLOCK, min(run.stop * BLOCK, entry.bytes)
        data = self._folder.read(name, begin, end - begin)
        blocks = {number: data[number * BLOCK - begin : (number + 1) * BLOCK - begin] for number in run}
        for number, block in blocks.items():
            self._cache.put(_key(entry, number), block)
        return blocks


def check_some_sizes(lists: RemoteLists) -> None:
    """Compare the sizes of a few shards with the manifest, those at both ends and some between them.

    Raises:
        StoreError: a shard has another size.
        RemoteError: it is missing, or cannot be reached.
    """
    folder, manifest = lists.folder, lists.manifest
    count = len(manifest.shards)
    for number in sorted({at * (count - 1) // max(ASKED - 1, 1) for at in range(ASKED)} if count else ()):
        name, entry = layout.shard_name(number), manifest.shards[number]
        if (size := folder.size(name)) != entry.bytes:
            raise StoreError(f"{folder.url}/{name} has {size} bytes instead of {entry.bytes}: {AGAIN}")


def _fetch(folder: RemoteFolder, name: str, entry: FileEntry, to: Path) -> None:
    """Copy a file and check it; what an earlier attempt left is whole, but need not be right."""
    if not to.exists() or to.stat().st_size != entry.bytes:
        folder.download(name, to, limit=entry.bytes)
    if to.stat().st_size != entry.bytes or sha256_file(to) != entry.sha256:
        to.unlink()
        raise StoreError(f"{folder.url}/{name} is damaged (its sha256 is not the recorded one): {AGAIN}")


def _key(entry: FileEntry, number: int) -> str:
    return f"{entry.sha256}-{number}"


def _blocks(offset: int, size: int) -> range:
    return range(offset // BLOCK, -(-(offset + size) // BLOCK))


def _runs(numbers: list[int]) -> list[range]:
    """Ascending numbers as runs of neighbours."""
    runs: list[range] = []
    for number in numbers:
        if runs and runs[-1].stop == number:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs

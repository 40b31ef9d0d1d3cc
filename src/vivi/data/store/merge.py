"""Several stores of equal settings as one: the shards shared or copied, the index joined, no frame written anew.

The videos of the first store come first, under the numbers that they had, then those of the second, and so on: a store
grows by merging it with one of new videos, and what is in a shard stays in that shard. The result is a function of the
stores and their order alone.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.config import differences
from vivi.core.errors import StoreError
from vivi.core.files import atomic_file, crash_point, sha256_file, sync_folder
from vivi.core.remote import address
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, video_key
from vivi.data.store.index import LENGTHS, Index, IndexWriter
from vivi.data.store.lines import video_lines
from vivi.data.store.making import making
from vivi.data.store.manifest import AGAIN, FileEntry
from vivi.data.store.reader import ShotStore
from vivi.data.store.skipped import read_skipped, write_skipped
from vivi.data.store.writer import write_manifest

_CHUNK = 1 << 22
_NAMED = 3
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES}


def merge(
    stores: Sequence[Path], *, out: Path, copy: bool = False, progress: Callable[[int, int], None] = lambda *_: None
) -> ShotStore:
    """Make the store `out` of all videos of `stores`, or go on making it.

    Args:
        stores: two or more, in the order in which their videos come.
        out: a folder that is missing, empty, or was begun by the same call.
        copy: copy the shards, checked; else they are hard links to those of `stores` where the file system has them.
        progress: called with the shards that are in place, and all.

    Raises:
        StoreError: a store is damaged; settings differ; a video is in two of them; `out` holds something else.
        DiskFullError: the same call goes on when there is space.
    """
    if len(stores) < 2:
        raise StoreError("give two or more stores to merge")
    if remote := [path for path in stores if address(path) is not None]:
        raise StoreError(f"{address(remote[0])}: only stores in folders are merged; copy it to this machine first")
    opened = [ShotStore.open(path) for path in stores]
    for store in opened:
        store.check_lists()
    _check_settings(opened)
    names = [path_numbers(store) for store in opened]
    _check_duplicates(opened, names)
    job = {"merge": [store.manifest.digest for store in opened], "copy": copy}
    with making(out, job) as needed:
        if needed:
            shards = _place_shards(opened, out, copy=copy, progress=progress)
            _write_lists(opened, out, stored=np.concatenate(names), shards=shards)
            crash_point("merged")
    return ShotStore.open(out)


def _check_settings(stores: list[ShotStore]) -> None:
    first = stores[0]
    for store in stores[1:]:
        changes = differences(first.info.settings, store.info.settings)
        sides = (first.info.fps, first.info.short_side) != (store.info.fps, store.info.short_side)
        if changes or sides:
            what = "; ".join(changes[:_NAMED]) or "frames per second or short side"
            raise StoreError(
                f"{first.path} and {store.path} differ in their settings ({what}): ingest one of them anew"
            )


def path_numbers(store: ShotStore) -> NDArray[np.uint64]:
    """A number for the path of each video, the same for the same path."""
    numbers = (int(video_key(line["path"]), 16) for line in video_lines(store.path))
    names = np.fromiter(numbers, dtype=np.uint64)
    if len(names) != store.info.num_videos:
        raise StoreError(f"{store.path / layout.VIDEOS} has {len(names)} lines, not one for each video: {AGAIN}")
    return names


def _check_duplicates(stores: list[ShotStore], names: list[NDArray[np.uint64]]) -> None:
    every = np.concatenate(names)
    order = np.argsort(every, kind="stable")
    again = np.flatnonzero(every[order][1:] == every[order][:-1])
    if not len(again):
        return
    ends = np.cumsum([len(each) for each in names])
    found = []
    for at in again[:_NAMED]:
        number = int(order[at + 1])
        store = int(np.searchsorted(ends, number, side="right"))
        path = stores[store].video_path(number - int(ends[store] - len(names[store])))
        first = stores[int(np.searchsorted(ends, int(order[at]), side="right"))]
        found.append(f"{path!r} of {stores[store].path} is in {first.path} too")
    raise StoreError(
        f"{len(again)} videos occur more than once ({'; '.join(found)}): leave out a store, or take its other videos "
        "with vivi store split STORE --videos LIST --out LISTED --rest OTHERS"
    )


def _place_shards(
    stores: list[ShotStore], out: Path, *, copy: bool, progress: Callable[[int, int], None]
) -> list[FileEntry]:
    entries = [entry for store in stores for entry in store.manifest.shards]
    sources = [store.path / layout.shard_name(n) for store in stores for n in range(len(store.manifest.shards))]
    (out / layout.SHARDS).mkdir(exist_ok=True)
    for number, (source, entry) in enumerate(zip(sources, entries, strict=True)):
        _place(source, out / layout.shard_name(number), entry, copy=copy)
        progress(number + 1, len(entries))
        crash_point(f"placed-{number}")
    sync_folder(out / layout.SHARDS)
    return entries


def _place(source: Path, target: Path, entry: FileEntry, *, copy: bool) -> None:
    if target.exists():
        if not copy and target.samefile(source):
            return
        if target.stat().st_size == entry.bytes and sha256_file(target) == entry.sha256:
            return
        target.unlink()
    if not copy:
        try:
            os.link(source, target)
            return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
    _copy(source, target, entry)


def _copy(source: Path, target: Path, entry: FileEntry) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as reading, atomic_file(target) as file:
        while chunk := reading.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != entry.sha256:
            raise StoreError(f"{source} is damaged (its sha256 is not the recorded one): {AGAIN}")


def _write_lists(
    stores: list[ShotStore], out: Path, *, stored: NDArray[np.uint64], shards: Sequence[FileEntry]
) -> None:
    first_shard = 0
    with IndexWriter(out) as index:
        for store in stores:
            index.add(_columns(store, first_shard=first_shard))
            with (store.path / layout.VIDEOS).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    index.add_lines(chunk)
            first_shard += len(store.manifest.shards)
    num_skipped = write_skipped(out, _joined_skips(stores, stored=stored))
    first = stores[0].info
    info = {"fps": first.fps, "short_side": first.short_side, **index.counts, "num_skipped": num_skipped}
    seconds = round(sum(store.info.seconds for store in stores), 3)
    write_manifest(out, info | {"seconds": seconds, "settings": first.settings}, shards=shards)


def _columns(store: ShotStore, *, first_shard: int) -> Index:
    lengths = {name: np.diff(store.index[name]) for name in LENGTHS}
    return store.index | lengths | {"video_shard": store.index["video_shard"] + first_shard}


def _joined_skips(stores: list[ShotStore], *, stored: NDArray[np.uint64]) -> list[Skip]:
    """One line for each input that no store has: the latest."""
    latest = {skip.path: skip for store in stores for skip in read_skipped(store.path)}
    paths = sorted(latest)
    keys = np.fromiter((int(video_key(path), 16) for path in paths), dtype=np.uint64, count=len(paths))
    return [latest[path] for path, is_stored in zip(paths, np.isin(keys, stored), strict=True) if not is_stored]

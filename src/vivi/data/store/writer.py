"""Writing a shot store: shards from parts in their final order, then the index, the lists and the manifest.

    .work/job.json                  what is being made
    .work/parts/                    see `vivi.data.store.parts`
    .work/shards/shard-000000.json  size and checksum of a packed shard and the records of its videos

Each file appears whole or not at all, and a file is deleted only after what replaces it is on the disk: whatever is
killed, and when, the next writer goes on from there and ends with the same bytes.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vivi.core.files import atomic_file, crash_point, read_json, sha256_file, write_json, write_text
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, VideoRecord
from vivi.data.store.index import Index, IndexWriter
from vivi.data.store.manifest import FileEntry
from vivi.data.store.parts import Parts, json_line, video_from
from vivi.data.store.skipped import write_skipped

__all__ = ["Packer", "Parts", "finish", "write_manifest", "write_skipped"]

_CHUNK = 1 << 20


class Packer:
    """Joins the parts of videos, given in their final order, into shards of at most `shard_bytes`.

    A video is never divided: one that is larger than `shard_bytes` gets a shard of its own.
    """

    def __init__(self, store: Path, *, shard_bytes: int) -> None:
        self.store = store
        self.packed: set[str] = set()
        """Keys of videos that were in finished shards when the packer was made, or are by now."""
        self._parts = Parts(store)
        self._shard_bytes = shard_bytes
        self._waiting: list[VideoRecord] = []
        self._waiting_bytes = 0
        self._number = 0
        while self._journal(self._number).exists():
            self._forget([record["key"] for record in read_json(self._journal(self._number))["videos"]])

    def add(self, record: VideoRecord) -> None:
        """Take the next video that is not packed yet."""
        size = sum(len(prefix) for prefix in _description_member(record)) + self._frames_size(record)
        if self._waiting and self._waiting_bytes + size > self._shard_bytes:
            self.flush()
        self._waiting.append(record)
        self._waiting_bytes += size

    def flush(self) -> None:
        """Write the videos taken so far as a shard, if there are any."""
        if not self._waiting:
            return
        path = self.store / layout.shard_name(self._number)
        entry = self._write_shard(path)
        crash_point("shard-written")
        write_text(self._journal(self._number), json_line(entry))
        crash_point("shard-in-journal")
        self._forget([record.key for record in self._waiting])
        self._waiting, self._waiting_bytes = [], 0

    def shards(self) -> Iterator[dict[str, Any]]:
        """Journal entries of the finished shards: bytes, sha256, videos, offsets of their first frames."""
        for number in range(self._number):
            yield read_json(self._journal(number))

    def _forget(self, keys: list[str]) -> None:
        for key in keys:
            self._parts.remove(key)
        self.packed.update(keys)
        self._number += 1

    def _journal(self, number: int) -> Path:
        return self.store / layout.WORK / f"{layout.shard_name(number).removesuffix('.tar')}.json"

    def _frames_size(self, record: VideoRecord) -> int:
        return sum(layout.BLOCK + size + layout.padding(size) for size in record.frame_bytes)

    def _write_shard(self, path: Path) -> dict[str, Any]:
        digest = hashlib.sha256()
        offsets = []
        with atomic_file(path) as file:
            for record in self._waiting:
                _write(file, digest, b"".join(_description_member(record)))
                offsets.append(file.tell())
                self._copy_frames(record, file, digest)
            _write(file, digest, layout.END_OF_TAR)
            size = file.tell()
        videos = [dataclasses.asdict(record) for record in self._waiting]
        return {"bytes": size, "sha256": digest.hexdigest(), "videos": videos, "offsets": offsets}

    def _copy_frames(self, record: VideoRecord, file: BinaryIO, digest: "hashlib._Hash") -> None:
        with self._parts.frames(record.key).open("rb") as part:
            while chunk := part.read(_CHUNK):
                _write(file, digest, chunk)


def finish(packer: Packer, *, skipped: Iterable[Skip], fps: float, short_side: int, settings: Any) -> None:
    """Write the index, the lists and, last of all, store.json; in memory is one shard's share at a time.

    Args:
        packer: all its videos are in finished shards.
        skipped: every input that is not stored.
        fps: stored frames per second.
        short_side: pixels of the shorter side of a frame.
        settings: the ingest settings as JSON values.
    """
    shards, seconds = [], 0.0
    with IndexWriter(packer.store) as index:
        for number, entry in enumerate(packer.shards()):
            records = [video_from(record) for record in entry["videos"]]
            shards.append(FileEntry(entry["bytes"], entry["sha256"]))
            lines = [json_line(record.description()).encode() for record in records]
            index.add_lines(b"".join(lines))
            index.add(_columns(number, records, entry["offsets"], [len(line) for line in lines]))
            seconds += sum(record.seconds for record in records)
    num_skipped = write_skipped(packer.store, skipped)
    crash_point("index-written")
    info = {"fps": fps, "short_side": short_side, **index.counts, "num_skipped": num_skipped}
    write_manifest(packer.store, info | {"seconds": round(seconds, 3), "settings": settings}, shards=shards)


def write_manifest(store: Path, info: dict[str, Any], *, shards: Sequence[FileEntry]) -> None:
    """Write store.json, which makes the folder a store: everything else is there.

    Args:
        store: its folder.
        info: the fields of `StoreInfo`.
        shards: in the order of their numbers.
    """
    lists = [*map(layout.index_name, layout.INDEX), layout.VIDEOS, layout.SKIPPED]
    files = {name: {"bytes": (store / name).stat().st_size, "sha256": sha256_file(store / name)} for name in lists}
    listed = [
        {"name": layout.shard_name(number), "bytes": entry.bytes, "sha256": entry.sha256}
        for number, entry in enumerate(shards)
    ]
    manifest = {"format": layout.FORMAT, "version": layout.VERSION, "info": info, "shards": listed, "files": files}
    write_json(store / layout.MANIFEST, manifest)


def _columns(number: int, records: list[VideoRecord], offsets: list[int], line_bytes: list[int]) -> Index:
    """The shard's share of every index array; the three that count from the start hold lengths instead."""
    columns: dict[str, Iterable[int]] = {
        "video_start": [len(record.shots) for record in records],
        "shot_first": [first for record in records for first, _ in record.shots],
        "shot_length": [length for record in records for _, length in record.shots],
        "frame_start": [len(record.frame_bytes) for record in records],
        "video_shard": [number] * len(records),
        "video_line": line_bytes,
        "height": [record.height for record in records],
        "width": [record.width for record in records],
        "frame_offset": [
            at for record, start in zip(records, offsets, strict=True) for at in _jpeg_offsets(record, start)
        ],
        "frame_bytes": [size for record in records for size in record.frame_bytes],
        "frame_crc32": [checksum for record in records for checksum in record.frame_crc32],
    }
    return {name: np.asarray(values, dtype=layout.INDEX[name]) for name, values in columns.items()}


def _jpeg_offsets(record: VideoRecord, start: int) -> Iterator[int]:
    for size in record.frame_bytes:
        yield start + layout.BLOCK
        start += layout.BLOCK + size + layout.padding(size)


def _description_member(record: VideoRecord) -> tuple[bytes, bytes, bytes]:
    content = json_line(record.description()).encode()
    return layout.member_header(f"{record.key}.json", len(content)), content, bytes(layout.padding(len(content)))


def _write(file: BinaryIO, digest: "hashlib._Hash", data: bytes) -> None:
    file.write(data)
    digest.update(data)

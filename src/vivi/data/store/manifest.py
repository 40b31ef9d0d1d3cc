"""store.json: what a store holds, and the size and the checksum of each of its files. Nothing in it is believed."""

import dataclasses
import hashlib
import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vivi.core.errors import StoreError
from vivi.data.store import format as layout
from vivi.data.store.format import StoreInfo

AGAIN = "copy the store again from where it is whole, or delete it and run vivi ingest again"
LARGEST = 1 << 28
"""Bytes of the largest store.json that is read; with 88,000 shards it has about 13 million."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COUNTS = ("num_videos", "num_shots", "num_frames", "num_skipped")


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What the manifest says of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A store.json that says everything, in the right types."""

    info: StoreInfo
    shards: tuple[FileEntry, ...]
    lists: dict[str, FileEntry]
    """The index arrays, videos.jsonl and skipped.csv, by their path in the store."""
    digest: str
    """sha256 of store.json, which has the checksum of everything else: it changes with anything in the store."""

    @classmethod
    def parse(cls, data: bytes, *, name: str) -> "Manifest":
        """The manifest from the bytes of store.json.

        Raises:
            StoreError: no JSON, of another format or version, or with anything missing or of the wrong type; the text
                begins with `name`.
        """
        values = manifest_values(data, name=name)
        try:
            files = values["files"]
            lists = [*map(layout.index_name, layout.INDEX), layout.VIDEOS, layout.SKIPPED]
            return cls(
                info=_info(values["info"]),
                shards=tuple(_entry(entry) for entry in values["shards"]),
                lists={each: _entry(files[each]) for each in lists},
                digest=hashlib.sha256(data).hexdigest(),
            )
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise StoreError(f"{name} is damaged ({error!r:.200}): {AGAIN}") from error

    @cached_property
    def files(self) -> dict[str, FileEntry]:
        """Every file but store.json, by its path in the store."""
        return self.lists | {layout.shard_name(number): entry for number, entry in enumerate(self.shards)}


def read_manifest(path: Path) -> dict[str, Any]:
    """The contents of store.json.

    Raises:
        StoreError: there is no store, its making is unfinished, or it is of another format or version.
    """
    return manifest_values(manifest_bytes(path), name=str(path / layout.MANIFEST))


def manifest_bytes(path: Path) -> bytes:
    """The bytes of store.json.

    Raises:
        StoreError: there is no store in the folder `path`, or its making is unfinished.
    """
    if path.is_file():
        raise StoreError(f"{path} is a file: give the folder that vivi ingest wrote")
    if not path.is_dir():
        raise StoreError(f"{path}: no such folder; make a store with vivi ingest SOURCE... --out {path}")
    file = path / layout.MANIFEST
    if not file.exists():
        for job, verb in ((layout.JOB, "vivi ingest"), (layout.MAKING, "vivi store")):
            if (path / job).exists():
                raise StoreError(f"{path}: {verb} was broken off here; run the same {verb} command again, it goes on")
        raise StoreError(f"{path} is not a shot store; make one with vivi ingest SOURCE... --out STORE")
    try:
        if not file.is_file():
            raise StoreError(f"{file} is no regular file: {AGAIN}")
        if file.stat().st_size > LARGEST:
            raise StoreError(f"{file} is damaged (larger than {LARGEST} bytes): {AGAIN}")
        return file.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {file}: {error.strerror}") from error


def manifest_values(data: bytes, *, name: str) -> dict[str, Any]:
    """The JSON values of a store.json of this format and version.

    Raises:
        StoreError: it is not; the text begins with `name` where it is no JSON.
    """
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{name} is not valid JSON ({error}): it is damaged or was not written by vivi") from error
    if not isinstance(values, dict) or values.get("format") != layout.FORMAT:
        raise StoreError(f"{name} does not describe a shot store of vivi: name another folder")
    version = values.get("version")
    if version != layout.VERSION or isinstance(version, bool | float):
        advice = f"this vivi reads version {layout.VERSION}: ingest the videos again, or use the vivi that made it"
        raise StoreError(f"{name}: a store of version {version!r:.40}, {advice}")
    return values


def _info(values: Any) -> StoreInfo:
    info = StoreInfo(**values)
    for name in (*_COUNTS, "short_side"):
        _whole(getattr(info, name), name)
    for name in ("fps", "seconds"):
        value = getattr(info, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise ValueError(f"info.{name}: {value!r:.40}")
    return dataclasses.replace(info, fps=float(info.fps), seconds=float(info.seconds))


def _entry(values: Any) -> FileEntry:
    sha256 = values["sha256"]
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"sha256: {sha256!r:.80}")
    return FileEntry(bytes=_whole(values["bytes"], "bytes"), sha256=sha256)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise ValueError(f"{name}: {value!r:.40}")
    return value

"""Random access to the frames of a shot store, with every byte checked against its checksum before use."""

import json
import os
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import StoreError, ViviError
from vivi.core.files import read_json, sha256_file
from vivi.data.records import ShotTable
from vivi.data.store import format as layout
from vivi.data.store.format import StoreInfo
from vivi.data.store.stored import StoredVideo

_MAX_OPEN = 256
_AGAIN = "copy the store again from where it is whole, or delete it and run vivi ingest again"


class ShotStore:
    """A finished store of shots, read only. Any number of threads may read from it at once."""

    def __init__(self, path: Path, manifest: dict[str, Any], index: dict[str, NDArray[Any]]) -> None:
        """Use `ShotStore.open`."""
        self.path: Path = path
        self.info: StoreInfo = StoreInfo(**manifest["info"])
        self.table: ShotTable = ShotTable(
            video_start_V1=index["video_start"], first_S=index["shot_first"], length_S=index["shot_length"]
        )
        self._manifest = manifest
        self._index = index
        self._handles: dict[str, int] = {}
        self._finalizer = weakref.finalize(self, _close_all, self._handles)

    @classmethod
    def open(cls, path: Path) -> "ShotStore":
        """Open the store at `path`; checks the index completely and the size of every shard.

        Raises:
            StoreError: missing, unfinished, of another version, or damaged.
        """
        manifest = read_manifest(path)
        try:
            _check_sizes(path, manifest)
            return cls(path, manifest, _read_index(path, manifest))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{path / layout.MANIFEST} is damaged ({error!r}): {_AGAIN}") from error

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything in the store: its manifest has every checksum."""
        return sha256_file(self.path / layout.MANIFEST)[:12]

    @property
    def facts(self) -> dict[str, int]:
        """How much there is to learn from, by name."""
        return {"videos": self.info.num_videos, "shots": self.info.num_shots, "stored frames": self.info.num_frames}

    def close(self) -> None:
        """Close the shards; happens by itself when the store is no longer used."""
        self._finalizer()

    def video_path(self, video: int) -> str:
        """The video's path relative to its source folder, as videos.jsonl has it."""
        return str(self.describe(video)["path"])

    def describe(self, video: int) -> dict[str, Any]:
        """The video's line in videos.jsonl."""
        start, end = self._span("video_line", video)
        line = self._pread(layout.VIDEOS, start, end - start)
        described: dict[str, Any] = json.loads(line)
        return described

    def video(self, number: int) -> StoredVideo:
        """The video of that number, 0 <= number < V."""
        height, width = self.frame_size(number)
        return StoredVideo(self, number, height, width)

    def frame_size(self, video: int) -> tuple[int, int]:
        """Stored (height, width) of the video's frames, in pixels."""
        return int(self._index["height"][video]), int(self._index["width"][video])

    def num_frames(self, video: int) -> int:
        """How many frames of the video are stored."""
        start, end = self._span("frame_start", video)
        return end - start

    def read_frames(self, video: int, *, first: int, count: int) -> list[bytes]:
        """Consecutive frames of one video as JPEG files, by one read of the disk.

        Args:
            video: its number, 0 <= video < V.
            first: number of the first frame, counted in the stored frames of the video.
            count: how many, at least 1.

        Raises:
            IndexError: the video has no such frames.
            StoreError: the shard is cut or a frame does not match its checksum; the text names both.
        """
        start, end = self._span("frame_start", video)
        a, b = start + first, start + first + count
        if first < 0 or count < 1 or b > end:
            raise IndexError(f"video {video} has {end - start} frames, asked for {count} from {first}")
        offsets = self._index["frame_offset"][a:b].tolist()
        sizes = self._index["frame_bytes"][a:b].tolist()
        begin = offsets[0]
        name = layout.shard_name(int(self._index["video_shard"][video]))
        data = self._pread(name, begin, offsets[-1] + sizes[-1] - begin)
        frames = [data[at - begin : at - begin + size] for at, size in zip(offsets, sizes, strict=True)]
        checksums = self._index["frame_crc32"][a:b].tolist()
        if [zlib.crc32(frame) for frame in frames] != checksums:
            wrong = next(n for n, frame in enumerate(frames) if zlib.crc32(frame) != checksums[n])
            what = f"frame {first + wrong} of video {video} ({self.video_path(video)})"
            raise StoreError(f"{self.path / name} is damaged: {what} does not match its checksum: {_AGAIN}")
        return frames

    def verify(self) -> None:
        """Read every file of the store and compare it with its sha256.

        Raises:
            StoreError: a file is missing, extra or differs; the text names it.
        """
        for name, entry in _files(self._manifest).items():
            if sha256_file(self.path / name) != entry["sha256"]:
                raise StoreError(f"{self.path / name} is damaged (its sha256 is not the recorded one): {_AGAIN}")

    def _span(self, array: str, video: int) -> tuple[int, int]:
        if not 0 <= video < self.info.num_videos:
            raise IndexError(f"video {video}: the store has videos 0 to {self.info.num_videos - 1}")
        limits = self._index[array]
        return int(limits[video]), int(limits[video + 1])

    def _pread(self, name: str, offset: int, size: int) -> bytes:
        handle = self._handles.get(name)
        if handle is not None:
            return self._filled(name, os.pread(handle, size, offset), size)
        try:
            handle = os.open(self.path / name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreError(f"cannot read {self.path / name} ({error.strerror}): {_AGAIN}") from error
        data = os.pread(handle, size, offset)
        if len(self._handles) >= _MAX_OPEN or self._handles.setdefault(name, handle) != handle:
            os.close(handle)
        return self._filled(name, data, size)

    def _filled(self, name: str, data: bytes, size: int) -> bytes:
        if len(data) != size:
            raise StoreError(f"{self.path / name} is shorter than when it was opened: {_AGAIN}")
        return data


def read_manifest(path: Path) -> dict[str, Any]:
    """The contents of store.json.

    Raises:
        StoreError: there is no store, its ingest is unfinished, or it is of another format or version.
    """
    if path.is_file():
        raise StoreError(f"{path} is a file: give the folder that vivi ingest wrote")
    if not path.is_dir():
        raise StoreError(f"{path}: no such folder; make a store with vivi ingest SOURCE... --out {path}")
    if not (path / layout.MANIFEST).exists():
        if (path / layout.JOB).exists():
            raise StoreError(f"{path}: its ingest was broken off; run the same vivi ingest command again, it goes on")
        raise StoreError(f"{path} is not a shot store; make one with vivi ingest SOURCE... --out STORE")
    try:
        manifest = read_json(path / layout.MANIFEST)
    except ViviError as error:
        raise StoreError(str(error)) from error
    if not isinstance(manifest, dict) or manifest.get("format") != layout.FORMAT:
        raise StoreError(f"{path / layout.MANIFEST} does not describe a shot store of vivi: name another folder")
    if (version := manifest.get("version")) != layout.VERSION:
        advice = f"this vivi reads version {layout.VERSION}: ingest the videos again, or use the vivi that made it"
        raise StoreError(f"{path} is a store of version {version!r}, {advice}")
    return manifest


def _files(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    expected = [layout.index_name(array) for array in layout.INDEX]
    files = {name: manifest["files"][name] for name in (*expected, layout.VIDEOS, layout.SKIPPED)}
    return files | {layout.shard_name(number): entry for number, entry in enumerate(manifest["shards"])}


def _check_sizes(path: Path, manifest: dict[str, Any]) -> None:
    for name, entry in _files(manifest).items():
        try:
            size = (path / name).stat().st_size
        except OSError as error:
            raise StoreError(f"{path / name}: {error.strerror}, though the store needs it: {_AGAIN}") from error
        if size != entry["bytes"]:
            raise StoreError(f"{path / name} has {size} bytes instead of {entry['bytes']}: {_AGAIN}")
    known = {Path(layout.shard_name(number)).name for number in range(len(manifest["shards"]))}
    for extra in sorted({each.name for each in (path / layout.SHARDS).iterdir()} - known):
        raise StoreError(f"{path / layout.SHARDS / extra} does not belong to the store: remove it")


def _read_index(path: Path, manifest: dict[str, Any]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for array, dtype in layout.INDEX.items():
        file = path / layout.index_name(array)
        if sha256_file(file) != manifest["files"][layout.index_name(array)]["sha256"]:
            raise StoreError(f"{file} is damaged (its sha256 is not the recorded one): {_AGAIN}")
        arrays[array] = np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
        if arrays[array].dtype != dtype or arrays[array].ndim != 1:
            raise StoreError(f"{file} holds {arrays[array].dtype} instead of {np.dtype(dtype)}: {_AGAIN}")
    _check_lengths(path, manifest["info"], {array: len(values) for array, values in arrays.items()})
    return arrays


def _check_lengths(path: Path, info: dict[str, Any], lengths: dict[str, int]) -> None:
    videos, shots, frames = info["num_videos"], info["num_shots"], info["num_frames"]
    expected = dict.fromkeys(("video_start", "frame_start", "video_line"), videos + 1)
    expected |= dict.fromkeys(("video_shard", "height", "width"), videos)
    expected |= dict.fromkeys(("shot_first", "shot_length"), shots)
    expected |= dict.fromkeys(("frame_offset", "frame_bytes", "frame_crc32"), frames)
    if lengths != expected:
        wrong = next(array for array, length in expected.items() if lengths[array] != length)
        raise StoreError(
            f"{path / layout.index_name(wrong)} has {lengths[wrong]} entries instead of {expected[wrong]}: {_AGAIN}"
        )


def _close_all(handles: dict[str, int]) -> None:
    for handle in handles.values():
        os.close(handle)
    handles.clear()

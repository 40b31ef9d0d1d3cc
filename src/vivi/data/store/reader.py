"""Random access to the frames of a shot store, with every byte checked against its checksum before use."""

import hashlib
from pathlib import Path
from typing import Any
from zlib import crc32

from vivi.core.errors import StoreError
from vivi.core.files import sha256_file
from vivi.core.remote import address
from vivi.data.frame_source import RecordName
from vivi.data.records import ShotTable
from vivi.data.store import format as layout
from vivi.data.store.files import LocalFiles, ShardFiles, check_sizes
from vivi.data.store.format import StoreInfo
from vivi.data.store.index import Index, read_index
from vivi.data.store.lines import parsed_line
from vivi.data.store.manifest import AGAIN, Manifest, manifest_bytes, read_manifest
from vivi.data.store.remote_shards import RemoteShards, check_some_sizes, fetch_lists
from vivi.data.store.stored import StoredVideo

__all__ = ["ShotStore", "read_manifest"]

_PIECE = 4 << 20


class ShotStore:
    """A finished store of shots, read only. Any number of threads may read from it at once."""

    def __init__(self, path: Path, manifest: Manifest, *, index: Index, shards: ShardFiles) -> None:
        """Use `ShotStore.open`."""
        self.path: Path = path
        """The folder that has the manifest, the index and the lists; of a remote store, the one in the cache."""
        self.info: StoreInfo = manifest.info
        self.table: ShotTable = ShotTable(
            video_start_V1=index["video_start"], first_S=index["shot_first"], length_S=index["shot_length"]
        )
        self.manifest: Manifest = manifest
        self.index: Index = index
        """The arrays of `vivi.data.store.format.INDEX`."""
        self._shards = shards
        self._lists = LocalFiles(path, manifest)

    @classmethod
    def open(cls, path: Path | str) -> "ShotStore":
        """Open the store at `path`.

        The index is compared with its checksums (see `vivi.data.store.index` for very large ones) and checked to
        agree with itself, and every shard to have its size. Of a remote store (`vivi.core.remote`) the index is copied
        into the cache, and a few shards are asked for their size.

        Args:
            path: a folder, or a remote address, which may have become a path.

        Raises:
            StoreError: missing, unfinished, of another version, or damaged.
            RemoteError: it cannot be reached.
        """
        if (url := address(path)) is not None:
            return cls._open_remote(url)
        folder = Path(path)
        manifest = Manifest.parse(manifest_bytes(folder), name=str(folder / layout.MANIFEST))
        check_sizes(folder, manifest)
        return cls(folder, manifest, index=read_index(folder, manifest), shards=LocalFiles(folder, manifest))

    @classmethod
    def _open_remote(cls, url: str) -> "ShotStore":
        lists = fetch_lists(url)
        try:
            check_some_sizes(lists)
            index = read_index(lists.held.path, lists.manifest)
            return cls(lists.held.path, lists.manifest, index=index, shards=RemoteShards(lists))
        except BaseException:
            lists.held.release()
            raise

    @property
    def where(self) -> str:
        """The folder or the address of the store, for messages."""
        return self._shards.where

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything in the store: its manifest has every checksum."""
        return self.manifest.digest[:12]

    @property
    def facts(self) -> dict[str, int]:
        """How much there is to learn from, by name."""
        return {"videos": self.info.num_videos, "shots": self.info.num_shots, "stored frames": self.info.num_frames}

    def close(self) -> None:
        """Close the shards; happens by itself when the store is no longer used."""
        self._lists.close()
        self._shards.close()

    def video_path(self, video: int) -> str:
        """The video's path relative to its source folder, as videos.jsonl has it."""
        return str(self.describe(video)["path"])

    def describe(self, video: int) -> dict[str, Any]:
        """The video's line in videos.jsonl.

        Raises:
            IndexError: there is no such video.
            StoreError: the line is damaged.
        """
        return parsed_line(self.line(video), what=f"line {video + 1} of {self.path / layout.VIDEOS}")

    def line(self, video: int) -> bytes:
        """The video's line in videos.jsonl, as it stands there."""
        start, end = self._span("video_line", video)
        return self._lists.read(layout.VIDEOS, start, end - start)

    def video(self, number: int) -> StoredVideo:
        """The video of that number, 0 <= number < V."""
        height, width = self.frame_size(number)
        return StoredVideo(self, number, height, width)

    def record_name(self, video: int, frame: int) -> RecordName:
        """Shard, video and number of a stored frame."""
        return RecordName(layout.shard_name(int(self.index["video_shard"][video])), self.video_path(video), frame)

    def frame_size(self, video: int) -> tuple[int, int]:
        """Stored (height, width) of the video's frames, in pixels."""
        return int(self.index["height"][video]), int(self.index["width"][video])

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
            RemoteError: the shard of a remote store cannot be reached.
        """
        start, end = self._span("frame_start", video)
        a, b = start + first, start + first + count
        if first < 0 or count < 1 or b > end:
            raise IndexError(f"video {video} has {end - start} frames, asked for {count} from {first}")
        sizes = self.index["frame_bytes"][a:b].tolist()
        offsets = self.index["frame_offset"][a:b].tolist()
        checksums = self.index["frame_crc32"][a:b].tolist()
        name = layout.shard_name(int(self.index["video_shard"][video]))
        begin, end = offsets[0], offsets[-1] + sizes[-1]
        frames = self._frames(name, begin, end, offsets, sizes)
        if (found := list(map(crc32, frames))) != checksums and self._shards.forget(name, begin, end - begin):
            frames = self._frames(name, begin, end, offsets, sizes)
            found = list(map(crc32, frames))
        if found != checksums:
            wrong = next(n for n, checksum in enumerate(found) if checksum != checksums[n])
            what = f"frame {first + wrong} of video {video} ({self.video_path(video)})"
            raise StoreError(f"{self.where}/{name} is damaged: {what} does not match its checksum: {AGAIN}")
        return frames

    def read_shard(self, number: int, offset: int, size: int) -> bytes:
        """Any bytes of a shard, not compared with a checksum.

        Raises:
            StoreError: the shard has no such bytes, or cannot be read.
        """
        return self._shards.read(layout.shard_name(number), offset, size)

    def _frames(self, name: str, begin: int, end: int, offsets: list[int], sizes: list[int]) -> list[bytes]:
        data = self._shards.read(name, begin, end - begin)
        return [data[at - begin : at - begin + size] for at, size in zip(offsets, sizes, strict=True)]

    def check_lists(self) -> None:
        """Compare the whole index, videos.jsonl and skipped.csv with their sha256, as has to be done before copying.

        Raises:
            StoreError: a file differs; the text names it.
        """
        for name, entry in self.manifest.lists.items():
            if sha256_file(self.path / name) != entry.sha256:
                raise StoreError(f"{self.path / name} is damaged (its sha256 is not the recorded one): {AGAIN}")

    def verify(self) -> None:
        """Read every file and compare it with its sha256; `vivi.data.store.examine` says what damage costs.

        Raises:
            StoreError: a file differs; the text names it.
        """
        self.check_lists()
        for number, entry in enumerate(self.manifest.shards):
            name, digest = layout.shard_name(number), hashlib.sha256()
            for begin in range(0, entry.bytes, _PIECE):
                digest.update(self._shards.read(name, begin, min(_PIECE, entry.bytes - begin)))
            if digest.hexdigest() != entry.sha256:
                raise StoreError(f"{self.where}/{name} is damaged (its sha256 is not the recorded one): {AGAIN}")

    def _span(self, array: str, video: int) -> tuple[int, int]:
        if not 0 <= video < self.info.num_videos:
            raise IndexError(f"video {video}: the store has videos 0 to {self.info.num_videos - 1}")
        limits = self.index[array]
        return int(limits[video]), int(limits[video + 1])

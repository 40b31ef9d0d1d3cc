"""Names and layout of a shot store, shared by its writer and its reader.

    store.json              format, version, settings, counts, size and sha256 of every other file; written last
    shards/shard-000000.tar per video one `<key>.json`, then its frames `<key>-000000.jpg`, `<key>-000001.jpg`, ...
    index/*.npy             plain arrays, see `INDEX`
    videos.jsonl            one line per stored video
    skipped.csv             one line per input that is not stored: path, reason, detail, bytes

docs/store.md describes each of them byte by byte.

A key is the first 16 hexadecimal digits of the sha256 of the video's relative path. The frames of a video lie side by
side in one shard, so a shot is one read. Nothing in a store depends on when, where or by how many workers it was made.
"""

import hashlib
import os
import tarfile
from dataclasses import dataclass
from typing import Any

import numpy as np

FORMAT = "vivi-shots"
VERSION = 1
MANIFEST = "store.json"
VIDEOS = "videos.jsonl"
SKIPPED = "skipped.csv"
SHARDS = "shards"
WORK = ".work"
JOB = f"{WORK}/job.json"
"""What an ingest makes, while it is not whole."""
MAKING = f"{WORK}/making.json"
"""What is made of other stores, while it is not whole."""
BLOCK = 512
HEADER = 128
"""Bytes before the values of an index array."""
END_OF_TAR = bytes(2 * BLOCK)

INDEX: dict[str, type[np.generic]] = {
    "video_start": np.int64,  # V+1: number of each video's first shot, and S at the end
    "shot_first": np.int64,  # S: number of each shot's first frame in its video
    "shot_length": np.int64,  # S: frames of each shot
    "frame_start": np.int64,  # V+1: number of each video's first frame in the store, and F at the end
    "video_shard": np.int64,  # V: number of the shard that holds the video
    "video_line": np.int64,  # V+1: where each video's line begins in videos.jsonl, and its end
    "height": np.int32,  # V: of the stored frames
    "width": np.int32,  # V
    "frame_offset": np.int64,  # F: where the frame's JPEG begins in its shard
    "frame_bytes": np.int32,  # F: length of the JPEG
    "frame_crc32": np.uint32,  # F: checksum of the JPEG
}


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store holds."""

    fps: float
    """Stored frames per second of video."""
    short_side: int
    """Pixels of the shorter side of a frame; videos that were smaller keep their size."""
    num_videos: int
    num_shots: int
    num_frames: int
    num_skipped: int
    """Inputs that are listed in skipped.csv."""
    seconds: float
    """Length of all stored videos together."""
    settings: Any
    """The ingest settings as JSON values."""


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """One stored video: what its line in videos.jsonl says, and where its frames lie."""

    path: str
    """Relative path, as `printable` writes it."""
    key: str
    bytes: int
    """Size of the source file."""
    container: str
    codec: str
    seconds: float
    source_fps: float
    source_width: int
    source_height: int
    width: int
    """Of the stored frames."""
    height: int
    shots: tuple[tuple[int, int], ...]
    """(first frame, length) of each shot."""
    frame_bytes: tuple[int, ...]
    frame_crc32: tuple[int, ...]

    def description(self) -> dict[str, Any]:
        """The line of videos.jsonl, which is also the video's JSON member in its shard."""
        inner = ("frame_bytes", "frame_crc32")
        line = {name: getattr(self, name) for name in self.__slots__ if name not in inner}
        return line | {"frames": len(self.frame_bytes), "shots": [list(span) for span in self.shots]}


@dataclass(frozen=True, slots=True)
class Skip:
    """An input that is not stored."""

    path: str
    """Relative path, as `printable` writes it."""
    reason: str
    """One of a fixed set of short phrases."""
    detail: str
    bytes: int
    """Size of the source file, 0 where it is not a regular file."""


def video_key(path: str) -> str:
    """The name of a video inside the shards, from its relative path (any bytes that a file name may have)."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def printable(path: str) -> str:
    r"""`path` with everything that is not a visible character written as an escape; a backslash becomes two."""
    if path.isprintable() and "\\" not in path:
        return path
    return "".join(char if char.isprintable() and char != "\\" else _escape(char) for char in path)


def _escape(char: str) -> str:
    return "\\\\" if char == "\\" else char.encode("unicode_escape", "backslashreplace").decode("ascii")


def shard_name(number: int) -> str:
    """Path of a shard, relative to its store."""
    return f"{SHARDS}/shard-{number:06d}.tar"


def index_name(array: str) -> str:
    """Path of an index array, relative to the store."""
    return f"index/{array}.npy"


def array_header(array: str, length: int) -> bytes:
    """The 128 bytes before the values of an index array, those that numpy.save writes."""
    kind = np.dtype(INDEX[array]).newbyteorder("<").str
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({length},), }}"
    room = HEADER - 10
    return b"\x93NUMPY\x01\x00" + room.to_bytes(2, "little") + text.ljust(room - 1).encode() + b"\n"


def member_header(name: str, size: int) -> bytes:
    """The 512 bytes before a tar member; the same for the same name and size, always."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(format=tarfile.USTAR_FORMAT)


def padding(size: int) -> int:
    """Bytes that fill a member of `size` bytes up to whole blocks."""
    return -size % BLOCK

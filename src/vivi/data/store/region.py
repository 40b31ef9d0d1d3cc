"""Where a video lies in its shard: its description and its frames, as they are copied to another one."""

import zlib
from dataclasses import dataclass

import numpy as np

from vivi.core.errors import StoreError
from vivi.data.store import format as layout
from vivi.data.store.index import Index
from vivi.data.store.manifest import AGAIN
from vivi.data.store.reader import ShotStore


@dataclass(frozen=True, slots=True)
class Region:
    """One video of a store, as tar members."""

    store: ShotStore
    video: int
    line: bytes
    """Of videos.jsonl."""
    seconds: float
    """Length of the video."""
    description: bytes
    """The member with that line."""
    columns: Index
    """frame_offset, counted from the beginning of the description; frame_bytes; frame_crc32."""
    begin: int
    """Where its first frame's member begins in its shard."""
    end: int
    """Where its last frame's member ends there."""

    @property
    def size(self) -> int:
        """Bytes of all its members."""
        return len(self.description) + self.end - self.begin

    def frames(self) -> bytes:
        """The members of its frames, each JPEG compared with its checksum.

        Raises:
            StoreError: one does not match, or the shard cannot be read.
        """
        shard = int(self.store.index["video_shard"][self.video])
        data = self.store.read_shard(shard, self.begin, self.end - self.begin)
        first = len(self.description)
        columns = zip(*(self.columns[name].tolist() for name in _FRAME), strict=True)
        for number, (at, size, checksum) in enumerate(columns):
            if zlib.crc32(data[at - first : at - first + size]) != checksum:
                what = f"frame {number} of video {self.video} ({self.store.video_path(self.video)})"
                name = f"{self.store.where}/{layout.shard_name(shard)}"
                raise StoreError(f"{name} is damaged: {what} does not match its checksum: {AGAIN}")
        return data


_FRAME = ("frame_offset", "frame_bytes", "frame_crc32")


def region_of(store: ShotStore, video: int) -> Region:
    """Where video number `video` lies.

    Raises:
        StoreError: the index says that its frames do not lie side by side.
    """
    line = store.line(video)
    start, end = store.index["frame_start"][video : video + 2].tolist()
    offset, size, checksum = (store.index[name][start:end] for name in _FRAME)
    key, seconds = (store.describe(video).get(name) for name in ("key", "seconds"))
    if not isinstance(seconds, int | float):
        raise StoreError(f"line {video + 1} of {store.path / layout.VIDEOS} is damaged (seconds): {AGAIN}")
    description = layout.member_header(f"{key}.json", len(line)) + line + bytes(layout.padding(len(line)))
    members = layout.BLOCK + size.astype(np.int64) + -size.astype(np.int64) % layout.BLOCK
    begin = int(offset[0]) - layout.BLOCK if len(offset) else 0
    ends = begin + np.cumsum(members)
    if (offset[1:] != ends[:-1] + layout.BLOCK).any() or (size < 0).any():
        raise StoreError(f"{store.path / layout.index_name('frame_offset')} is damaged at frame {start}: {AGAIN}")
    return Region(
        store=store,
        video=video,
        line=line,
        seconds=seconds,
        description=description,
        columns={
            "frame_offset": offset - begin + len(description),
            "frame_bytes": size,
            "frame_crc32": checksum,
        },
        begin=begin,
        end=int(ends[-1]) if len(ends) else begin,
    )

"""Stores of random bytes instead of JPEG files: quick to make, the same for the same arguments."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vivi.data.store.format import Skip, VideoRecord, video_key
from vivi.data.store.parts import Parts
from vivi.data.store.writer import Packer, finish

SETTINGS = {"fps": 1.0, "short_side": 32, "shard_mebibytes": 1}


def frames_of(path: str, count: int, *, size: int = 300) -> list[bytes]:
    """Frames of a video: bytes that depend on its path alone, of different lengths."""
    return [hashlib.shake_128(f"{path}/{number}".encode()).digest(size + 37 * number) for number in range(count)]


def small_store(
    store: Path,
    videos: Mapping[str, Sequence[int]],
    *,
    skipped: Sequence[Skip] = (),
    settings: Any = SETTINGS,
    size: int = 300,
    shard_bytes: int = 1 << 20,
) -> Path:
    """A finished store.

    Args:
        store: its folder.
        videos: path -> frames of each shot.
        skipped: the inputs that are not stored.
        settings: as of an ingest.
        size: bytes of a frame, about.
        shard_bytes: of the largest shard.
    """
    parts, packer = Parts(store), Packer(store, shard_bytes=shard_bytes)
    for path in sorted(videos):
        lengths, key = videos[path], video_key(path)
        sizes, checksums = parts.write_frames(key, frames_of(path, sum(lengths), size=size))
        packer.add(
            VideoRecord(
                path=path,
                key=key,
                bytes=10,
                container="mp4",
                codec="h264",
                seconds=sum(lengths) + 0.25,
                source_fps=25.0,
                source_width=64,
                source_height=48,
                width=40 + 2 * len(path),
                height=32,
                shots=tuple((sum(lengths[:n]), length) for n, length in enumerate(lengths)),
                frame_bytes=sizes,
                frame_crc32=checksums,
            )
        )
    packer.flush()
    finish(packer, skipped=list(skipped), fps=1.0, short_side=32, settings=settings)
    shutil.rmtree(store / ".work")
    return store


def contents(store: Path) -> dict[str, str]:
    """The sha256 of every file below a folder."""
    files = (path for path in store.rglob("*") if path.is_file())
    return {str(path.relative_to(store)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

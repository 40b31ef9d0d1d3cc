"""A shot store that needs no video: imported as a fixture by the rooms that read stores."""

from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from vivi.core.seeds import rng
from vivi.data.store.format import VideoRecord, video_key
from vivi.data.store.writer import Packer, Parts, finish

VIDEOS, SHOTS, FRAMES, SIDE = 20, 4, 6, 40


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished store: 20 videos of 4 shots of 6 frames of 40 x 40 pixels; a shot is one noisy colour field."""
    store = tmp_path_factory.mktemp("tiny") / "store"
    parts, packer = Parts(store), Packer(store, shard_bytes=1 << 20)
    for number in range(VIDEOS):
        packer.add(_write_video(parts, number))
    packer.flush()
    finish(packer, skipped=[], fps=1.0, short_side=SIDE, settings={})
    return store


def _write_video(parts: Parts, number: int) -> VideoRecord:
    path = f"video{number}.mp4"
    key = video_key(path)
    random = rng(7, step=0, purpose="tiny store", sample=number)
    base = random.integers(0, 255, size=(SHOTS, 1, 5, 5, 3))
    frames = base + random.integers(-20, 20, size=(SHOTS, FRAMES, 5, 5, 3))
    pixels = np.clip(frames, 0, 255).astype(np.uint8).reshape(-1, 5, 5, 3).repeat(8, axis=1).repeat(8, axis=2)
    sizes, checksums = parts.write_frames(key, [simplejpeg.encode_jpeg(np.ascontiguousarray(each)) for each in pixels])
    return VideoRecord(
        path=path,
        key=key,
        bytes=1,
        container="mp4",
        codec="h264",
        seconds=float(SHOTS * FRAMES),
        source_fps=1.0,
        source_width=SIDE,
        source_height=SIDE,
        width=SIDE,
        height=SIDE,
        shots=tuple((shot * FRAMES, FRAMES) for shot in range(SHOTS)),
        frame_bytes=sizes,
        frame_crc32=checksums,
    )

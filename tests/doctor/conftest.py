"""Made-up stores: the doctor looks at stored frames, not at how they came there."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from vivi.data.store import ShotStore
from vivi.data.store.format import Skip, VideoRecord, video_key
from vivi.data.store.writer import Packer, Parts, finish

Images = Sequence[np.ndarray]
FOUND_BY_HIST = {"shots": {"class": "vivi.video.shots:HistogramShots", "threshold": 0.5}}


def scene(seed: int, *, frames: int, height: int = 48, width: int = 64, pan: int = 2) -> list[np.ndarray]:
    """A smooth picture of its own, over which the camera moves."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (6, 9, 3)).astype(np.uint8)
    large = cv2.resize(coarse, (width + pan * frames, height), interpolation=cv2.INTER_CUBIC)
    return [np.ascontiguousarray(large[:, pan * at : pan * at + width]) for at in range(frames)]


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., Path]:
    """Write a finished store from {path: list of shots, each a list of frames} and return its path."""

    def make(
        videos: dict[str, Sequence[Images]],
        *,
        name: str = "store",
        fps: float = 1.0,
        short_side: int = 48,
        skipped: Sequence[Skip] = (),
        settings: Any = None,
    ) -> Path:
        path = tmp_path / name
        parts, packer = Parts(path), Packer(path, shard_bytes=1 << 24)
        for video, shots in sorted(videos.items()):
            packer.add(_record(parts, video, shots=shots, fps=fps))
        packer.flush()
        settings = (
            {"shots": {"class": "vivi.video.shots:HistogramShots", "threshold": 0.5}} if settings is None else settings
        )
        finish(packer, skipped=list(skipped), fps=fps, short_side=short_side, settings=settings)
        ShotStore.open(path).close()
        return path

    return make


def _record(parts: Parts, path: str, *, shots: Sequence[Images], fps: float) -> VideoRecord:
    key, images = video_key(path), [image for shot in shots for image in shot]
    jpegs = [simplejpeg.encode_jpeg(np.ascontiguousarray(each), quality=90, colorsubsampling="420") for each in images]
    sizes, checksums = parts.write_frames(key, jpegs)
    starts = np.cumsum([0, *(len(shot) for shot in shots[:-1])]).tolist()
    height, width = images[0].shape[:2]
    return VideoRecord(
        path=path, key=key, bytes=1000, container="mp4", codec="h264", seconds=len(images) / fps, source_fps=25.0,
        source_width=2 * width, source_height=2 * height, width=width, height=height,
        shots=tuple((start, len(shot)) for start, shot in zip(starts, shots, strict=True)),
        frame_bytes=sizes, frame_crc32=checksums,
    )  # fmt: skip

"""Videos of a few kilobytes."""

import os
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np

_FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".avi": "avi", ".webm": "webm", ".flv": "flv"}


def film(
    path: Path,
    *,
    frames: int = 16,
    rate: int = 8,
    seed: int = 0,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    options: dict[str, str] | None = None,
) -> Path:
    """Noise in blocks of 8 pixels, another picture each frame; (width, height) in pixels, frames a second."""
    rng = np.random.default_rng(seed)
    shape = (size[1] // 8, size[0] // 8, 3)
    images = (rng.integers(0, 255, shape, dtype=np.uint8).repeat(8, 0).repeat(8, 1) for _ in range(frames))
    return film_of(path, images, rate=rate, codec=codec, size=size, options=options)


def film_of(
    path: Path,
    images: Iterable[np.ndarray],
    *,
    rate: int,
    codec: str = "libx264",
    size: tuple[int, int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """These pictures, RGB and all of one size; (width, height) in pixels where it is not theirs, frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form = _FORMATS.get(path.suffix.lower(), "matroska")
    with av.open(os.fsencode(path).decode("utf-8", "surrogateescape"), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, options={"threads": "1"} if options is None else options)
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(images):
            if number == 0:
                stream.width, stream.height = size or image.shape[1::-1]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path

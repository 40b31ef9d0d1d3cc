"""The videos of the benchmark of ingest: real frames where VIVI_REAL_DATA names a folder, else drawn ones."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

X264 = {"threads": "1", "g": "250"}
X265 = {"x265-params": "keyint=250:pools=1:log-level=none"}
X264_OPEN = {"threads": "1", "x264-params": "open-gop=1:keyint=60:bframes=5"}
VP9 = {"g": "128", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "1", "lag-in-frames": "16"}
AV1 = {"g": "128", "preset": "10", "svtav1-params": "lp=1"}
MPEG4 = {"g": "250", "bf": "2", "b": "1500000"}
# name, encoder, width, height, frames a second, seconds, options
VIDEOS = (
    ("h264-480p.mp4", "libx264", 854, 480, 25, 60, X264),
    ("h264-720p.mp4", "libx264", 1280, 720, 30, 60, X264),
    ("h264-open-gop-480p.mkv", "libx264", 854, 480, 25, 30, X264_OPEN),
    ("hevc-480p.mp4", "libx265", 854, 480, 25, 20, X265),
    ("hevc-720p.mp4", "libx265", 1280, 720, 30, 20, X265),
    ("vp9-480p.webm", "libvpx-vp9", 854, 480, 25, 20, VP9),
    ("vp9-720p.webm", "libvpx-vp9", 1280, 720, 30, 20, VP9),
    ("av1-480p.mp4", "libsvtav1", 854, 480, 25, 20, AV1),
    ("av1-720p.mp4", "libsvtav1", 1280, 720, 30, 20, AV1),
    ("mpeg4-480p.mp4", "mpeg4", 854, 480, 25, 20, MPEG4),
    ("mpeg4-720p.mp4", "mpeg4", 1280, 720, 30, 20, MPEG4 | {"b": "3000000"}),
    ("mpeg4-480p.avi", "mpeg4", 854, 480, 25, 20, MPEG4),
    ("mjpeg-480p.avi", "mjpeg", 854, 480, 25, 20, {"q:v": "3"}),
)


def make_videos(folder: Path) -> list[Path]:
    """Encode the test videos that this PyAV has an encoder for, as far as they are not in the folder yet."""
    files = []
    for name, encoder, width, height, rate, seconds, options in VIDEOS:
        if encoder not in av.codecs_available:
            print(f"{name}: not made, this PyAV has no {encoder}")
            continue
        file = folder / name
        if file.exists():
            files.append(file)
            continue
        print(f"making {name} ...", end="\r", flush=True)
        made = file.with_stem(f".{file.stem}")
        encode(made, encoder, frames(width, height, rate * seconds), size=(width, height), rate=rate, options=options)
        made.rename(file)
        files.append(file)
    return files


def encode(
    file: Path,
    encoder: str,
    pictures: Iterator[VideoFrame],
    *,
    size: tuple[int, int],
    rate: int,
    options: dict[str, str],
) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream(encoder, rate=rate, options=options)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{encoder} encodes no video")
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        for number, picture in enumerate(pictures):
            picture.pts, picture.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def frames(width: int, height: int, count: int) -> Iterator[VideoFrame]:
    """Real frames at least this high, clip after clip, where VIVI_REAL_DATA names a folder; else drawn ones."""
    folder = os.environ.get("VIVI_REAL_DATA")
    source = real_frames(Path(folder) / "videos", height=height) if folder else drawn_frames(width, height)
    for _, picture in zip(range(count), source, strict=False):
        yield picture.reformat(width, height, "yuv420p", interpolation="BICUBIC")


def real_frames(folder: Path, *, height: int) -> Iterator[VideoFrame]:
    while True:
        for file in sorted(folder.rglob("*.mp4")):
            with av.open(str(file)) as container:
                video = container.streams.video[0]
                if video.height >= height - 2 and video.width > video.height and (video.average_rate or 0) >= 20:
                    yield from container.decode(video=0)


def drawn_frames(width: int, height: int) -> Iterator[VideoFrame]:
    """A noisy camera moving over a texture, a new texture every four seconds."""
    rng = np.random.default_rng(0)
    number = 0
    while True:
        if number % 100 == 0:
            noise = rng.random((height // 4, width // 4, 3), np.float32)
            texture = cv2.resize(noise, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC) * 200
        x, y = (3 * number) % width, (2 * number) % height
        grain = rng.normal(0, 4, (height, width, 1)).astype(np.float32)
        picture = np.clip(texture[y : y + height, x : x + width] + grain, 0, 255).astype(np.uint8)
        yield VideoFrame.from_ndarray(picture, "rgb24")
        number += 1

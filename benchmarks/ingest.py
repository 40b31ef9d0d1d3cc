"""What an ingest costs in CPU time beside decoding every frame, and whether its frames are bit for bit the same.

    python benchmarks/ingest.py                       # makes its own videos; real frames if VIVI_REAL_DATA is set
    python benchmarks/ingest.py a.mp4 b.mkv --fps 1   # your files

Every figure is the median of the repeats, in CPU seconds (user and system) per minute of video. Each repeat
measures each method in a process of its own, at its second call there, since where the memory of a process happens
to lie shifts all that it measures by some per cent; `ratio` is the median of the repeats' ratios of `ingest` to
`decode all`, with their quartiles. `ingest` is all that a worker does for a video: read the timestamps, decode the
chosen frames, scale, histogram, shots, JPEG. `decode all` is PyAV decoding every frame and throwing it away, with
one thread; `ffmpeg` is `-vf fps=FPS -f null -`, OpenCV is grab() for every frame.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import simplejpeg
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vivi.video.decode import sample_frames
from vivi.video.shots import HistogramShots

X264 = {"threads": "1", "g": "250"}
X265 = {"x265-params": "keyint=250:pools=1:log-level=none"}
X264_OPEN = {"threads": "1", "x264-params": "open-gop=1:keyint=60:bframes=5"}
VP9 = {"g": "128", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "1", "lag-in-frames": "16"}
AV1 = {"g": "128", "preset": "10", "svtav1-params": "lp=1"}
# name, encoder, width, height, frames a second, seconds, options
VIDEOS = (
    ("h264-480p.mp4", "libx264", 854, 480, 25, 60, X264),
    ("h264-720p.mp4", "libx264", 1280, 720, 30, 60, X264),
    ("h264-open-gop-480p.mkv", "libx264", 854, 480, 25, 30, X264_OPEN),
    ("hevc-480p.mp4", "libx265", 854, 480, 25, 20, X265),
    ("vp9-480p.webm", "libvpx-vp9", 854, 480, 25, 20, VP9),
    ("av1-480p.mp4", "libsvtav1", 854, 480, 25, 20, AV1),
    ("mpeg4-480p.mp4", "mpeg4", 854, 480, 25, 20, {"g": "250", "bf": "2", "b": "1500000"}),
    ("mpeg4-480p.avi", "mpeg4", 854, 480, 25, 20, {"g": "250", "bf": "2", "b": "1500000"}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--fps", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", choices=tuple(METHODS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.only:
        METHODS[given.only](given.files[0], given.fps)
        print(cpu_seconds(lambda: METHODS[given.only](given.files[0], given.fps)))
        return
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = given.files or make_videos(Path(folder))
        if shutil.which("ffmpeg") is None:
            print("ffmpeg: not installed (no such program on PATH)")
        print(
            f"{'CPU seconds per minute of video':32} " + " ".join(f"{name:>11}" for name in METHODS) + f"{'ratio':>20}"
        )
        for file in files:
            report(file, fps=given.fps, repeats=given.repeats)
    print(f"{time.monotonic() - start:.0f} s in all")


def report(file: Path, *, fps: float, repeats: int) -> None:
    minutes = sample_frames(file, fps=fps, short_side=256).info.seconds / 60
    turns = [[alone(name, file, fps=fps) for name in METHODS] for _ in range(repeats)]
    costs_TM = np.array(turns) / minutes
    numbers = [f"{cost:11.2f}" if np.isfinite(cost) else f"{'-':>11}" for cost in np.median(costs_TM, axis=0)]
    column = list(METHODS)
    ratios_T = costs_TM[:, column.index("ingest")] / costs_TM[:, column.index("decode all")]
    low, middle, high = np.quantile(ratios_T, [0.25, 0.5, 0.75])
    ratio = f"{middle:.3f} ({low:.3f}-{high:.3f})"
    print(f"{file.name:32} {' '.join(numbers)} {ratio:>20}  {equality(file, fps=fps)}", flush=True)


def alone(name: str, file: Path, *, fps: float) -> float:
    """What a method costs in a process of its own."""
    words = [sys.executable, __file__, "--only", name, "--fps", str(fps), "--", str(file)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def cpu_seconds(call: Callable[[], bool]) -> float:
    """User and system time of this process and of the children it waited for; infinite if the call is not possible."""
    before = _used()
    done = call()
    return _used() - before if done else np.inf


def _used() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def whole_ingest(file: Path, fps: float) -> bool:
    method = HistogramShots()
    signatures, seconds = [], []
    for second, image_HWC in sample_frames(file, fps=fps, short_side=256):
        signatures.append(method.signature(image_HWC))
        seconds.append(second)
        simplejpeg.encode_jpeg(image_HWC, quality=90, colorspace="RGB", colorsubsampling="420")
    method.spans(signatures, seconds=seconds, video=file.name)
    return True


def frames_only(file: Path, fps: float) -> bool:
    return all(True for _ in sample_frames(file, fps=fps, short_side=256))


def decode_all(file: Path, fps: float) -> bool:  # noqa: ARG001
    with av.open(str(file)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass
    return True


def opencv_grab(file: Path, fps: float) -> bool:  # noqa: ARG001
    capture, count = cv2.VideoCapture(str(file)), 0
    while capture.grab():
        count += 1
    return count > 0


def ffmpeg(file: Path, fps: float) -> bool:
    if shutil.which("ffmpeg") is None:
        return False
    options = [
        "-threads",
        "1",
        "-i",
        f"file:{file}",
        "-an",
        "-filter_threads",
        "1",
        "-vf",
        f"fps={fps}",
        "-f",
        "null",
        "-",
    ]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *options], check=True)
    return True


METHODS: dict[str, Callable[[Path, float], bool]] = {
    "ingest": whole_ingest,
    "frames only": frames_only,
    "decode all": decode_all,
    "OpenCV grab": opencv_grab,
    "ffmpeg": ffmpeg,
}


def equality(file: Path, *, fps: float) -> str:
    """Compare with decoding everything, at full size."""
    ours = sample_frames(file, fps=fps, short_side=None)
    theirs = sample_frames(file, fps=fps, short_side=None, decode_all=True)
    count = 0
    for one, other in zip(ours, theirs, strict=True):
        if one.seconds != other.seconds or not np.array_equal(one.image_HWC, other.image_HWC):
            return f"frame {count} DIFFERS"
        count += 1
    return f"{count} frames equal{' (decoded whole)' if ours.whole else ''}"


def make_videos(folder: Path) -> list[Path]:
    """Encode the test videos that this PyAV has an encoder for."""
    files = []
    for name, encoder, width, height, rate, seconds, options in VIDEOS:
        if encoder not in av.codecs_available:
            print(f"{name}: not made, this PyAV has no {encoder}")
            continue
        file = folder / name
        print(f"making {name} ...", end="\r", flush=True)
        encode(file, encoder, frames(width, height, rate * seconds), size=(width, height), rate=rate, options=options)
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
        stream.pix_fmt = "yuv420p"
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


if __name__ == "__main__":
    main()

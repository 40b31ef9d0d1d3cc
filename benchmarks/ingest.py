"""What an ingest costs in CPU time beside decoding all and beside other tools, and whether its frames are equal.

    python benchmarks/ingest.py                       # makes its own videos; real frames if VIVI_REAL_DATA is set
    python benchmarks/ingest.py --videos DIR          # keeps them there, or takes them from there
    python benchmarks/ingest.py a.mp4 b.mkv --fps 1   # your files
    python benchmarks/ingest.py --others VENV/bin/python --repeats 3    # a Python that has decord or torchcodec

Every figure is the median of the repeats, in CPU seconds (user and system) per minute of video. Each repeat measures
each method in a process of its own, at its second call there, since where the memory of a process happens to lie shifts
all that it measures by some per cent. `of all` is the median of the repeats' ratios of `ingest` to `decode all`, with
their quartiles; `x ffmpeg` that of `ffmpeg fps,scale` to `ingest`. `ingest` is all that a worker does for a video: read
the timestamps, decode the chosen frames, scale, histogram, shots, JPEG; `frames only` ends with scaling, and
`decode chosen` with decoding. `decode all` is PyAV decoding every frame and throwing it away. All have one thread. What
the other tools do is in `ingest_others.py`.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import av
import cv2
import numpy as np
import simplejpeg

from ingest_others import OTHERS, cpu_seconds
from ingest_videos import make_videos
from vivi.video.container import open_video
from vivi.video.decode import sample_frames
from vivi.video.passes import decode_planned
from vivi.video.plan import plan_decoding
from vivi.video.shots import HistogramShots


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--fps", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--videos", type=Path, help="folder for the videos that it makes")
    parser.add_argument("--others", default=sys.executable, help="the Python that runs the other tools")
    parser.add_argument("--alone", action="store_true", help="without the other tools")
    parser.add_argument("--only", choices=tuple(METHODS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.only:
        METHODS[given.only](given.files[0], given.fps)
        print(cpu_seconds(lambda: METHODS[given.only](given.files[0], given.fps)))
        return
    start = time.monotonic()
    place = nullcontext(given.videos) if given.videos else tempfile.TemporaryDirectory()
    with place as folder:
        files = given.files or make_videos(Path(folder))
        there = [] if given.alone else [name for name in OTHERS if is_there(name, files, others=given.others)]
        names = [*METHODS, *there]
        print(f"{'CPU s per minute of video':24}" + "".join(f"{name:>17}" for name in names) + "   of all (quartiles)")
        for file in files:
            report(file, names, fps=given.fps, repeats=given.repeats, others=given.others)
    print(f"{time.monotonic() - start:.0f} s in all")


def is_there(name: str, files: list[Path], *, others: str) -> bool:
    """Whether another tool can be used on any of the files; if not, says why."""
    answer = ""
    for file in files:
        answer = ask(name, file, fps=1.0, others=others)
        if not answer.startswith("missing"):
            return True
    print(f"{name}: {answer}")
    return False


def report(file: Path, names: list[str], *, fps: float, repeats: int, others: str) -> None:
    minutes = sample_frames(file, fps=fps, short_side=256).info.seconds / 60
    turns = [[seconds(ask(name, file, fps=fps, others=others)) for name in names] for _ in range(repeats)]
    costs_TM = np.array(turns) / minutes
    costs = dict(zip(names, costs_TM.T, strict=True))
    numbers = "".join(f"{cost:17.2f}" if np.isfinite(cost) else f"{'-':>17}" for cost in np.median(costs_TM, axis=0))
    low, middle, high = np.quantile(costs["ingest"] / costs["decode all"], [0.25, 0.5, 0.75])
    words = f"   {middle:.3f} ({low:.3f}-{high:.3f})"
    if "ffmpeg fps,scale" in costs:
        words += f"  x ffmpeg {np.median(costs['ffmpeg fps,scale'] / costs['ingest']):.2f}"
    print(f"{file.name:24}{numbers}{words}  {equality(file, fps=fps)}", flush=True)


def ask(name: str, file: Path, *, fps: float, others: str) -> str:
    """What a method costs in a process of its own, or why it cannot be used."""
    ours = [sys.executable, __file__, "--only", name, "--fps", str(fps), "--", str(file)]
    theirs = [others, str(Path(__file__).with_name("ingest_others.py")), name, str(file), "--fps", str(fps)]
    done = subprocess.run(ours if name in METHODS else theirs, check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


def seconds(answer: str) -> float:
    """Infinite where a tool does not read the file."""
    return np.inf if answer.startswith("missing") else float(answer)


def whole_ingest(file: Path, fps: float) -> None:
    method = HistogramShots()
    signatures, times = [], []
    for second, image_HWC in sample_frames(file, fps=fps, short_side=256):
        signatures.append(method.signature(image_HWC))
        times.append(second)
        simplejpeg.encode_jpeg(image_HWC, quality=90, colorspace="RGB", colorsubsampling="420")
    method.spans(signatures, seconds=times, video=file.name)


def frames_only(file: Path, fps: float) -> None:
    for _ in sample_frames(file, fps=fps, short_side=256):
        pass


def decode_chosen(file: Path, fps: float) -> None:
    """What exact frames need of the decoder at least: the packets of the plan, and nothing done with the frames."""
    frames = sample_frames(file, fps=fps, short_side=256)
    if frames.whole:
        decode_all(file, fps)
        return
    with open_video(file) as video:
        for _ in decode_planned(video, plan_decoding(frames.timeline, frames.clock)):
            pass


def decode_all(file: Path, fps: float) -> None:  # noqa: ARG001
    with av.open(str(file)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for _ in container.decode(video=0):
            pass


METHODS: dict[str, Callable[[Path, float], None]] = {
    "ingest": whole_ingest,
    "frames only": frames_only,
    "decode chosen": decode_chosen,
    "decode all": decode_all,
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


if __name__ == "__main__":
    main()

"""How long a folder of videos takes by the clock, all cores busy: `vivi ingest` beside ffmpeg, used in two ways.

    python benchmarks/ingest_throughput.py --videos DIR              # the H.264 videos of ingest.py, kept in DIR
    python benchmarks/ingest_throughput.py a.mp4 b.mp4 --copies 20   # your files

Each file is put into a folder so many times over. Then, in turn, and each timed from its start to its end:

- `vivi ingest FOLDER`, with its own number of workers: shots, JPEG and a complete store;
- ffmpeg with `fps=1,scale` for one file after the other, with as many threads as it chooses itself, frames thrown away;
- the same for as many files at once as there are cores, with one thread each.

Printed are minutes of video a second, and the medians of the repeats' ratios, with their quartiles.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ingest_videos import make_videos
from vivi.video.decode import sample_frames

CORES = len(os.sched_getaffinity(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--videos", type=Path, help="folder with or for the videos that it makes")
    parser.add_argument("--copies", type=int, default=16, help="of each file")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        made = given.files or make_videos(given.videos or Path(place))
        files = given.files or [file for file in made if file.name in ("h264-480p.mp4", "h264-720p.mp4")]
        for file in files:
            report(file, Path(place), copies=given.copies, repeats=given.repeats)


def report(file: Path, place: Path, *, copies: int, repeats: int) -> None:
    minutes = copies * sample_frames(file, fps=1, short_side=256).info.seconds / 60
    times_RM = np.array([measured(file, place, copies=copies) for _ in range(repeats)])
    print(f"{file.name}, {copies} times, {CORES} cores")
    for name, seconds_R in zip(
        ("vivi ingest", "ffmpeg, its own threads", "ffmpeg, one a core"), times_RM.T, strict=True
    ):
        low, middle, high = np.quantile(seconds_R / times_RM[:, 0], [0.25, 0.5, 0.75])
        speed = minutes / np.median(seconds_R)
        print(f"  {name:24}{speed:8.2f} min/s   time / ingest {middle:.2f} ({low:.2f}-{high:.2f})", flush=True)


def measured(file: Path, place: Path, *, copies: int) -> tuple[float, float, float]:
    """Seconds of the three commands, in a folder of their own that is not kept."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        videos = Path(folder) / "videos"
        videos.mkdir()
        for number in range(copies):
            shutil.copyfile(file, videos / f"{number:03}{file.suffix}")
        each = sorted(videos.iterdir())
        words = [sys.executable, "-m", "vivi", "ingest", str(videos), "--out", f"{folder}/store"]
        return (
            clock(lambda: run(words)),
            clock(lambda: all_done(each, at_once=1)),
            clock(lambda: all_done(each, "-threads", "1", "-filter_threads", "1", at_once=CORES)),
        )


def all_done(files: list[Path], *threads: str, at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(lambda file: ffmpeg(file, *threads), files):
            pass


def ffmpeg(file: Path, *threads: str) -> None:
    chosen = "fps=1,scale=-2:256:flags=area"
    run(["ffmpeg", "-nostdin", "-v", "error", *threads, "-i", f"file:{file}", "-an", "-vf", chosen, "-f", "null", "-"])


def run(words: list[str]) -> None:
    subprocess.run(words, check=True, capture_output=True)


def clock(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


if __name__ == "__main__":
    main()

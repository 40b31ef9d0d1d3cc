"""What an ingest of many videos costs the process that leads it: memory and time, from ten videos to thousands.

    python benchmarks/ingest_scale.py                             # 10, 1000 and 10000 videos
    python benchmarks/ingest_scale.py 10 100 --listed 1000000     # others, and a listing of so many names alone

The videos are one clip of a single frame of 64 x 64 pixels under many names (hard links), so nearly all of the time is
that of everything but decoding. Each line is measured in a process of its own. `before` is its memory when all modules
are loaded, `peak` the most that it had resident at any time, in MiB; the workers' memory is not in it. `listed` writes
a listing of names that no file has, reads it in order, and compares it with another one.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import av
import numpy as np

from vivi.video.ingest import IngestSettings, ingest
from vivi.video.listing import Candidate, Listing, write_listing
from vivi.video.places import LocalFile
from vivi.video.shots import WholeVideo

_A_FOLDER = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", type=int, default=[10, 1000, 10_000])
    parser.add_argument("--listed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--folder", type=Path, default=None, help="where to work; a folder of its own if not given")
    given = parser.parse_args()
    print(f"{'':<10}{'number':>10}{'seconds':>10}{'a second':>10}{'before':>10}{'peak':>10}{'CPU s':>10}")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for count in given.videos:
            _measured("videos", count, partial(_ingest, count, Path(folder), given.workers))
        if given.listed:
            _measured("listed", given.listed, partial(_list, given.listed, Path(folder)))


def _measured(name: str, count: int, act: Callable[[], object]) -> None:
    """One line of the table; `act` runs in a fork, whose memory and time are those of the line."""

    def child() -> None:
        before, began = _resident(), time.perf_counter()
        act()
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF)
        peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
        print(
            f"{name:<10}{count:>10}{seconds:>10.1f}{count / seconds:>10.0f}{before:>10.1f}{peak:>10.1f}{cpu:>10.1f}",
            flush=True,
        )

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{name} {count}: ended with {process.exitcode}")


def _resident() -> float:
    """MiB of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _ingest(count: int, folder: Path, workers: int | None) -> None:
    source = folder / f"{count} videos"
    clip = _clip(folder / "clip.mkv")
    for number in range(count):
        below = source / f"{number // _A_FOLDER:06d}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{number:09d}.mkv").hardlink_to(clip)
    settings = IngestSettings(short_side=64, shots=WholeVideo(), shard_mebibytes=1)
    summary = ingest([source], out=folder / f"{count} store", settings=settings, workers=workers)
    assert summary.videos == count


def _clip(path: Path) -> Path:
    if not path.exists():
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=1)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
    return path


def _list(count: int, folder: Path) -> None:
    def found() -> Iterator[Candidate]:
        for number in range(count):
            name = f"{number * 2_654_435_761 % 2**32:08x}/{number:09d} some title of a video.mp4"
            yield Candidate(name, LocalFile(f"/videos/{name}"), number, "1700000000000000000")

    write_listing(folder / "one.db", found())
    write_listing(folder / "two.db", found())
    with Listing(folder / "one.db") as one, Listing(folder / "two.db") as two:
        assert sum(1 for _ in one.candidates()) == count
        assert one.differences(two, versions=True) == []


if __name__ == "__main__":
    main()

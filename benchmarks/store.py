"""Microseconds for the frames of a sample, K=4 shots of L=8, beside the bare reading of the same bytes.

    python benchmarks/store.py

A store of random bytes in frames of about 19 KiB, 200 frames a video, in the memory of the operating system. The
contenders read the same samples in turns; a ratio is the median over the turns of (contender / bare reading in the
same turn). The blocks of a remote store are those of its cache, once all of them are there.
"""

import argparse
import os
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from vivi.core.cache import Cache
from vivi.core.seeds import rng
from vivi.data.store import ShotStore
from vivi.data.store.files import LocalFiles
from vivi.data.store.format import VideoRecord, shard_name, video_key
from vivi.data.store.parts import Parts
from vivi.data.store.remote_shards import RemoteShards
from vivi.data.store.writer import Packer, finish

SHOTS, FRAMES = 4, 8
LENGTH, SHOT = 200, 20
"""Frames of a video and of a shot."""
LATENCY = 0.02
"""Seconds of a request to the pretended server."""


@dataclass(frozen=True)
class Sample:
    """One sample, and where its bytes lie."""

    video: int
    firsts: tuple[int, ...]
    """The first of the L frames of each shot."""
    spans: tuple[tuple[str, int, int], ...]
    """Shard, offset and size of each shot's frames."""
    checked: tuple[tuple[tuple[int, int], ...], ...]
    """For each shot, where each frame lies in what was read."""


def make_store(path: Path, *, videos: int) -> ShotStore:
    """Videos of ten shots of twenty frames of random bytes."""
    parts, packer = Parts(path), Packer(path, shard_bytes=1 << 28)
    for number in range(videos):
        name = f"{number:05d}.mp4"
        random = rng(0, step=0, purpose="benchmark", sample=number)
        frames = [random.bytes(int(random.integers(15_000, 24_000))) for _ in range(LENGTH)]
        sizes, checksums = parts.write_frames(video_key(name), frames)
        packer.add(
            VideoRecord(
                path=name,
                key=video_key(name),
                bytes=1,
                container="mp4",
                codec="h264",
                seconds=float(LENGTH),
                source_fps=1.0,
                source_width=456,
                source_height=256,
                width=456,
                height=256,
                shots=tuple((first, SHOT) for first in range(0, LENGTH, SHOT)),
                frame_bytes=sizes,
                frame_crc32=checksums,
            )
        )
    packer.flush()
    finish(packer, skipped=[], fps=1.0, short_side=256, settings={})
    return ShotStore.open(path)


def samples(store: ShotStore, *, count: int) -> list[Sample]:
    """K consecutive shots of a random video, L consecutive frames of each."""
    random = rng(0, step=0, purpose="samples")
    found = []
    for _ in range(count):
        video, shot = int(random.integers(store.info.num_videos)), int(random.integers(LENGTH // SHOT - SHOTS + 1))
        offsets = random.integers(SHOT - FRAMES + 1, size=SHOTS)
        firsts = tuple(int(SHOT * (shot + k) + offset) for k, offset in enumerate(offsets))
        name, start = shard_name(int(store.index["video_shard"][video])), int(store.index["frame_start"][video])
        spans, checked = [], []
        for first in firsts:
            rows = slice(start + first, start + first + FRAMES)
            at, size = store.index["frame_offset"][rows].tolist(), store.index["frame_bytes"][rows].tolist()
            spans.append((name, at[0], at[-1] + size[-1] - at[0]))
            checked.append(tuple((a - at[0], a - at[0] + n) for a, n in zip(at, size, strict=True)))
        found.append(Sample(video, firsts, tuple(spans), tuple(checked)))
    return found


class Here:
    """In place of a remote folder: the store in a folder, with a count of what is asked for."""

    def __init__(self, store: ShotStore, *, latency: float = 0.0) -> None:
        self.url = "here"
        self.requests = self.bytes = 0
        self._latency = latency
        self._files = LocalFiles(store.path, store.manifest)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """As `RemoteFolder.read`."""
        self.requests, self.bytes = self.requests + 1, self.bytes + size
        time.sleep(self._latency)
        return self._files.read(name, offset, size)


@dataclass(frozen=True)
class Lists:
    """In place of what was copied of a remote store."""

    folder: Here
    manifest: object
    held: "Released"
    cache: Cache


class Released:
    """In place of a held folder."""

    def release(self) -> None:
        """Nothing is held."""


def contenders(store: ShotStore, cache: Path) -> dict[str, Callable[[Sample], None]]:
    """The first is the measure of the others."""
    handles = {
        shard_name(number): os.open(store.path / shard_name(number), os.O_RDONLY)
        for number in range(len(store.manifest.shards))
    }
    remote = far(store, Here(store), cache)

    def bare(sample: Sample) -> None:
        for name, offset, size in sample.spans:
            os.pread(handles[name], size, offset)

    def checksums(sample: Sample) -> None:
        for (name, offset, size), frames in zip(sample.spans, sample.checked, strict=True):
            data = os.pread(handles[name], size, offset)
            for begin, end in frames:
                zlib.crc32(data[begin:end])

    return {
        "os.pread of the same bytes": bare,
        "os.pread, frames cut out, CRC-32": checksums,
        "ShotStore, in a folder": lambda sample: read(store, sample),
        "ShotStore, remote, blocks in the cache": lambda sample: read(remote, sample),
    }


def far(store: ShotStore, here: Here, cache: Path) -> ShotStore:
    """The store as if it were remote."""
    lists = Lists(here, store.manifest, Released(), Cache(cache, limit=1 << 40))
    return ShotStore(store.path, store.manifest, index=store.index, shards=RemoteShards(lists))  # type: ignore[arg-type]


def read(source: ShotStore, sample: Sample) -> None:
    for first in sample.firsts:
        source.read_frames(sample.video, first=first, count=FRAMES)


def show_requests(store: ShotStore, cache: Path, wanted: list[Sample]) -> None:
    """What is asked of a server for samples of which nothing is in the cache, and how fast that is."""
    wanted = list({sample.video: sample for sample in wanted}.values())
    here = Here(store)
    for sample in wanted:
        read(far(store, here, cache / f"{sample.video}"), sample)
    each = f"{here.requests / len(wanted):.1f} requests for {here.bytes / len(wanted) / 1024:.0f} KiB a sample"
    print(f"remote, nothing in the cache: {each}")
    for threads in (1, 8, 32):
        source = far(store, Here(store, latency=LATENCY), cache / f"threads-{threads}")
        before = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(partial(read, source), wanted))
        rate = len(wanted) / (time.perf_counter() - before)
        print(f"    {LATENCY * 1000:.0f} ms a request, {threads:2} threads: {rate:.0f} samples a second")


def measure(runs: dict[str, Callable[[Sample], None]], wanted: list[Sample], *, repeats: int) -> dict[str, list[float]]:
    """Microseconds of processor time for a sample, of each contender in each turn."""
    for run in runs.values():
        for sample in wanted:
            run(sample)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            before = time.process_time()
            for sample in wanted:
                run(sample)
            times[name].append((time.process_time() - before) / len(wanted) * 1e6)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=32)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=15, help="turns")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store", videos=options.videos)
        wanted = samples(store, count=options.samples)
        times = measure(contenders(store, Path(folder) / "cache"), wanted, repeats=options.repeats)
        print(f"{np.mean([size for each in wanted for _, _, size in each.spans]) * SHOTS / 1024:.0f} KiB a sample")
        show_requests(store, Path(folder) / "cold", wanted)
    bare = next(iter(times.values()))
    print(f"{'':44}{'us a sample':>12}{'of pread':>10}")
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(values, bare, strict=True))
        print(f"{name:44}{statistics.median(values):12.0f}{ratio:10.2f}")


if __name__ == "__main__":
    main()

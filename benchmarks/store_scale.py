"""The cost of the index of a very large store, by simulation: bytes, seconds and memory.

    python benchmarks/store_scale.py                       100,000 videos
    python benchmarks/store_scale.py --videos 5000000      needs some 23 GB of disk

The index is written by the writer of the package, and read by its reader. The shards are holes: files that have their
size and take no disk, which read as zeros, and zeros are what the checksums of the index say. So a read of frames is a
real one but for the disk. Each step has a process of its own; memory is its own (anonymous) at the end, and the most
that was resident at any time, to which mapped pages of the index count as long as the system has room for them.
"""

import argparse
import hashlib
import itertools
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from vivi.core.seeds import rng
from vivi.data.store import ShotStore
from vivi.data.store import format as layout
from vivi.data.store.index import Index, IndexWriter
from vivi.data.store.manifest import FileEntry
from vivi.data.store.skipped import write_skipped
from vivi.data.store.writer import write_manifest

SIZES = np.arange(16_000, 22_400, 100)
"""Bytes of a frame are one of these."""
CHECKSUMS = np.array([zlib.crc32(bytes(int(size))) for size in SIZES], dtype=np.uint32)
BATCH = 20_000
"""Videos that are made up at a time."""
SHARD_BYTES = 256 << 20
READS = 5_000


def columns(first: int, count: int, *, frames: int, shots: int, per_shard: int) -> Index:
    """Videos first, first + 1, ... of the store, all of them with as many frames and shots."""
    choice = rng(0, step=0, purpose="sizes", sample=first).integers(len(SIZES), size=(count, frames))
    size_VF = SIZES[choice]
    member_VF = layout.BLOCK + size_VF + -size_VF % layout.BLOCK
    video_V = member_VF.sum(axis=1) + 2 * layout.BLOCK
    shard_V = (first + np.arange(count)) // per_shard
    ends_V = np.cumsum(video_V)
    new_shard_V = np.flatnonzero(np.diff(shard_V, prepend=-1))
    begin_V = ends_V - video_V - np.repeat((ends_V - video_V)[new_shard_V], np.diff([*new_shard_V, count]))
    cuts_S = np.linspace(0, frames, shots + 1).astype(np.int64)
    return {
        "video_start": np.full(count, shots),
        "shot_first": np.tile(cuts_S[:-1], count),
        "shot_length": np.tile(np.diff(cuts_S), count),
        "frame_start": np.full(count, frames),
        "video_shard": shard_V,
        "height": np.full(count, 256),
        "width": np.full(count, 456),
        "frame_offset": (begin_V[:, None] + 3 * layout.BLOCK + np.cumsum(member_VF, axis=1) - member_VF).ravel(),
        "frame_bytes": size_VF.ravel(),
        "frame_crc32": CHECKSUMS[choice].ravel(),
    }


def write(path: Path, *, videos: int, frames: int, shots: int) -> dict[str, Any]:
    """Write the whole store but for the contents of its shards."""
    per_shard = SHARD_BYTES // (frames * 20_000)
    cuts = np.linspace(0, frames, shots + 1).astype(int).tolist()
    spans = [[a, b - a] for a, b in itertools.pairwise(cuts)]
    facts = {"codec": "h264", "container": "mp4", "frames": frames, "height": 256, "seconds": frames, "shots": spans}
    tail = json.dumps(facts | {"source_fps": 25.0, "source_height": 720, "source_width": 1280, "width": 456})[1:]
    with IndexWriter(path) as index:
        for first in range(0, videos, BATCH):
            numbers = range(first, min(first + BATCH, videos))
            lines = [
                f'{{"path":"{n:011d}.mp4","key":"{hashlib.sha256(b"%011d.mp4" % n).hexdigest()[:16]}",{tail}\n'.encode()
                for n in numbers
            ]
            index.add_lines(b"".join(lines))
            made = columns(first, len(numbers), frames=frames, shots=shots, per_shard=per_shard)
            index.add(made | {"video_line": np.array([len(line) for line in lines])})
        counts = index.counts
    shards = -(-videos // per_shard)
    (path / layout.SHARDS).mkdir()
    for number in range(shards):
        with (path / layout.shard_name(number)).open("wb") as file:
            file.truncate(SHARD_BYTES)
    write_skipped(path, [])
    info = {"fps": 1.0, "short_side": 256, **counts, "num_skipped": 0, "seconds": float(videos * frames)}
    write_manifest(path, info | {"settings": {}}, shards=[FileEntry(SHARD_BYTES, "0" * 64)] * shards)
    names = [*(f"index/{array}.npy" for array in layout.INDEX), layout.VIDEOS, layout.MANIFEST]
    return {"shards": shards} | {name: (path / name).stat().st_size for name in names}


def nothing() -> dict[str, Any]:
    """What the imports take, which is in every other row too."""
    return {}


def open_store(path: Path) -> dict[str, Any]:
    """Open it, with all checks."""
    return ShotStore.open(path).facts


def read(path: Path) -> dict[str, Any]:
    """Open it and read shots of 8 frames of random videos."""
    store = ShotStore.open(path)
    random = rng(0, step=0, purpose="reads")
    videos = random.integers(store.info.num_videos, size=READS)
    before = time.process_time()
    for video in videos.tolist():
        shot = store.table.shots(video)[2]
        store.read_frames(video, first=shot.first, count=min(8, shot.length))
    return {"reads": READS, "us of CPU a read": round((time.process_time() - before) / READS * 1e6)}


def eligible(path: Path) -> dict[str, Any]:
    """Open it and count the videos for K=4, L=8, as a training run does."""
    from vivi.data.clips import num_videos_for

    store = ShotStore.open(path)
    before = time.process_time()
    count = num_videos_for(store.table, shots=4, frames=8)
    return {"videos": count, "seconds of CPU for it": round(time.process_time() - before, 1)}


def describe(path: Path) -> dict[str, Any]:
    """Everything that a merge has to know of the names: a pass over videos.jsonl."""
    from vivi.data.store.merge import path_numbers

    return {"videos": len(path_numbers(ShotStore.open(path)))}


def alone(name: str, step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a step in a process of its own and print what it cost."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(step, sender))
    process.start()
    seconds, busy, most, own, result = receiver.recv()
    process.join()
    memory = f"{most / 1e6:7.0f} MB most {own / 1e6:7.0f} MB own"
    print(f"{name:28}{seconds:8.1f} s{busy:8.1f} s CPU {memory}   {_shown(result)}", flush=True)
    return dict(result)


def _send(step: Callable[[], dict[str, Any]], sender: Connection) -> None:
    before, busy = time.perf_counter(), time.process_time()
    result = step()
    seconds, busy = time.perf_counter() - before, time.process_time() - busy
    status = Path("/proc/self/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) * 1024
    sender.send((seconds, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, own, result))


def _shown(result: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in result.items() if "/" not in key and "." not in key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=230, help="of a video")
    parser.add_argument("--shots", type=int, default=15, help="of a video")
    parser.add_argument("--folder", type=Path, help="where to put the store; a temporary folder if not given")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        path = folder / "store"
        size = {"videos": options.videos, "frames": options.frames, "shots": options.shots}
        print(f"{options.videos} videos of {options.frames} frames in {options.shots} shots", flush=True)
        alone("nothing but imports", nothing)
        found = alone("write", partial(write, path, **size))
        bytes_ = {name: number for name, number in found.items() if "." in name}
        for name, number in bytes_.items():
            print(f"    {name:28}{number / 1e6:12.1f} MB")
        index = sum(number for name, number in bytes_.items() if name.startswith("index"))
        frame_bytes = options.videos * options.frames * float(SIZES.mean())
        print(f"    {'index of ' + format(frame_bytes / 1e12, '.2f') + ' TB of frames':28}{index / 1e6:12.1f} MB, "
              f"{index / frame_bytes:.3%}")  # fmt: skip
        alone("open", partial(open_store, path))
        alone("open again", partial(open_store, path))
        alone("read shots of 8 frames", partial(read, path))
        alone("count videos for K=4, L=8", partial(eligible, path))
        alone("names, as a merge does", partial(describe, path))
    finally:
        shutil.rmtree(folder)
    os.sync()


if __name__ == "__main__":
    main()

"""Milliseconds of the requests of `vivi browse` on a store of very many videos, made here.

    python benchmarks/browse.py
    python benchmarks/browse.py --videos 1000000

All videos of the store share the frames of one: the index, the lists and the names are of the full size, the shard is
not. Requests go through the whole app, without sockets. The first request of a kind is told apart from the later ones.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vivi.browse.app import create_app
from vivi.browse.library import Library
from vivi.browse.nearest import Search, open_search
from vivi.browse.vectors import Vectors, unit_rows
from vivi.core.seeds import rng
from vivi.data.store.format import VideoRecord, video_key
from vivi.data.store.index import IndexWriter
from vivi.data.store.manifest import FileEntry
from vivi.data.store.parts import Parts, json_line
from vivi.data.store.skipped import write_skipped
from vivi.data.store.writer import Packer, write_manifest

SHOTS, LENGTH, HEIGHT, WIDTH = 6, 10, 256, 456
TOKEN, HOST, COOKIE = "benchmark", "127.0.0.1:8765", "vivi"
AGAIN = 15
"""Later requests of a kind."""


def main() -> None:
    """Make the store, ask, print a table."""
    parser = argparse.ArgumentParser(description="How long the requests of vivi browse take.")
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=2048, help="numbers of an embedding")
    parser.add_argument("--vectors", type=int, nargs="*", default=[100_000], help="frames that are searched")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = make_store(Path(scratch) / "store", videos=given.videos)
        began = time.perf_counter()
        library = Library.open(store)
        print(f"{given.videos} videos, {library.store.info.num_frames} frames; opened in {clock(began) / 1000:.1f} s\n")
        gc.collect()
        gc.freeze()  # as the server does
        app = create_app(library, token=TOKEN, hosts=frozenset({HOST}), cookie=COOKIE)
        print("| request | first, ms | later, median of ms | later, slowest |\n| --- | ---: | ---: | ---: |")
        for what, path in requests(given.videos).items():
            report(what, *asyncio.run(asked(app, path)))
        for frames in given.vectors:
            report(f"nearest of {frames} frames, {given.dim} numbers each", *searched(frames, dim=given.dim))


def requests(videos: int) -> dict[str, Callable[[int], str]]:
    """Addresses by what they are; every request asks for another page or video."""
    spread = videos // 50
    return {
        "list, any page": lambda turn: f"/?page={1 + turn * (videos // 1000)}",
        "list, most shots first": lambda turn: f"/?order=shots&page={1 + turn}",
        "search for a word in all names": lambda turn: f"/?q=clip&page={1 + turn}",
        "search for a new word in some names": lambda turn: f"/?q=clip+{turn + 10}",
        "page of a video": lambda turn: f"/video/{turn * spread}",
        "page of the same video": lambda _: "/video/0?threshold=0.3",
        "page of a frame": lambda turn: f"/video/{turn * spread}/frame/7",
        "small picture": lambda turn: f"/thumb/{turn * spread}/{turn}.jpg",
        "picture": lambda turn: f"/image/{turn * spread}/{turn}.jpg",
        "preview of a shot of 10 frames": lambda turn: f"/preview/{turn * spread}/10-10.mp4",
    }


async def asked(app: Any, path: Callable[[int], str]) -> tuple[float, list[float]]:
    """Milliseconds of a first request and of later ones."""
    headers = {"host": HOST, "cookie": f"{COOKIE}={TOKEN}"}
    transport = httpx.ASGITransport(app=app)
    times = []
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", headers=headers) as client:
        for turn in range(1 + AGAIN):
            began = time.perf_counter()
            (await client.get(path(turn))).raise_for_status()
            times.append(clock(began))
    return times[0], times[1:]


def searched(frames: int, *, dim: int) -> tuple[float, list[float]]:
    """Milliseconds of a search among random vectors, 60 frames a video; the index is made before."""
    random = rng(0, step=0, purpose="browse benchmark")
    matrix_FD = unit_rows(random.standard_normal((frames, dim), dtype=np.float32))
    start_V1 = np.append(np.arange(0, frames, 60), frames)
    began = time.perf_counter()
    search: Search = open_search(Vectors(matrix_FD=matrix_FD, start_V1=start_V1, key=f"{frames} {dim}", held=None))
    if not search.is_exact:
        print(f"| index of {frames} frames: made in {clock(began) / 1000:.0f} s | | | |")
    times = []
    for turn in range(1 + AGAIN):
        began = time.perf_counter()
        search.nearest(matrix_FD[turn], count=24, without=0)
        times.append(clock(began))
    return times[0], times[1:]


def clock(began: float) -> float:
    """Milliseconds since then."""
    return 1000 * (time.perf_counter() - began)


def report(what: str, first: float, later: Sequence[float]) -> None:
    """A line of the table."""
    print(f"| {what} | {first:.1f} | {statistics.median(later):.1f} | {max(later):.1f} |", flush=True)


def make_store(store: Path, *, videos: int) -> Path:
    """A store of many videos that share the frames of one."""
    random = rng(0, step=0, purpose="browse benchmark store")
    frames = [
        random.integers(0, 255, (HEIGHT // 16, WIDTH // 16 + 1, 3), np.uint8).repeat(16, 0).repeat(16, 1)[:, :WIDTH]
        for _ in range(SHOTS * LENGTH)
    ]
    parts, packer = Parts(store), Packer(store, shard_bytes=1 << 30)
    sizes, sums = parts.write_frames(
        video_key("0"), [simplejpeg.encode_jpeg(np.ascontiguousarray(each)) for each in frames]
    )
    packer.add(record(0, sizes, sums))
    packer.flush()
    (entry,) = packer.shards()
    with IndexWriter(store) as index:
        for first in range(0, videos, 1000):
            some = [record(number, sizes, sums) for number in range(first, min(first + 1000, videos))]
            lines = [json_line(each.description()).encode() for each in some]
            index.add_lines(b"".join(lines))
            index.add(columns(some, lines, offset=entry["offsets"][0]))
    write_skipped(store, [])
    info = {
        "fps": 1.0,
        "short_side": HEIGHT,
        **index.counts,
        "num_skipped": 0,
        "seconds": 60.0 * videos,
        "settings": {},
    }
    write_manifest(store, info, shards=[FileEntry(entry["bytes"], entry["sha256"])])
    return store


def record(number: int, sizes: tuple[int, ...], sums: tuple[int, ...]) -> VideoRecord:
    """One of the videos."""
    path = f"folder-{number // 500:05}/clip-{number:07}-of-somebody.mp4" if number else "0"
    return VideoRecord(
        path=path, key=video_key(path), bytes=1, container="mp4", codec="h264", seconds=60.0, source_fps=25.0,
        source_width=1280, source_height=720, width=WIDTH, height=HEIGHT,
        shots=tuple((shot * LENGTH, LENGTH) for shot in range(SHOTS)), frame_bytes=sizes, frame_crc32=sums,
    )  # fmt: skip


def columns(videos: Sequence[VideoRecord], lines: Sequence[bytes], *, offset: int) -> dict[str, NDArray[Any]]:
    """Their share of the index; all frames lie at the same place."""
    sizes = np.array(videos[0].frame_bytes)
    steps = 512 + sizes + -sizes % 512
    at = offset + 512 + np.concatenate([[0], np.cumsum(steps)[:-1]])
    count = len(videos)
    return {
        "video_start": np.full(count, SHOTS),
        "shot_first": np.tile(np.arange(SHOTS) * LENGTH, count),
        "shot_length": np.full(count * SHOTS, LENGTH),
        "frame_start": np.full(count, len(sizes)),
        "video_shard": np.zeros(count),
        "video_line": np.array([len(line) for line in lines]),
        "height": np.full(count, HEIGHT),
        "width": np.full(count, WIDTH),
        "frame_offset": np.tile(at, count),
        "frame_bytes": np.tile(sizes, count),
        "frame_crc32": np.tile(np.array(videos[0].frame_crc32), count),
    }


if __name__ == "__main__":
    main()

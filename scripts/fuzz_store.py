"""Coverage-guided fuzzing of the shot store's reader: damaged stores, from which nothing but a ViviError may come.

    python scripts/fuzz_store.py --seconds 3600 --corpus CORPUS [--seed N]

An input is a list of edits of a small sound store: bytes put over others, put in or cut off, numbers of the index and
values of store.json replaced by nasty ones. Its first byte says whether sizes and checksums are recorded again, so that
the damage is met behind them too. Then the store is opened, read completely and examined. Needs atheris; a run of more
than 10 seconds or 1 GB of memory is a find as well. tests/data/test_store_fuzz.py replays what was found.
"""

import argparse
import contextlib
import hashlib
import json
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vivi.core.errors import ViviError

FILES = ("store.json", "videos.jsonl", "skipped.csv", "shards/shard-000000.tar", "shards/shard-000001.tar")
ARRAYS = ("video_start", "shot_first", "shot_length", "frame_start", "video_shard", "video_line", "height", "width")
FRAME_ARRAYS = ("frame_offset", "frame_bytes", "frame_crc32")
NAMES = (*FILES, *(f"index/{array}.npy" for array in (*ARRAYS, *FRAME_ARRAYS)))
NUMBERS = (0, 1, -1, 2, 3, 127, 255, 1 << 16, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 62, (1 << 63) - 1, -(1 << 63))
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 1.5, 1e308, float("nan"), float("inf"), 10**30, 1 << 62, "", "x", "0" * 64),
    *([], {}, [[]], [{}], {"bytes": 0}, {"bytes": -1, "sha256": "0" * 64}, {"bytes": 1 << 61, "sha256": "f" * 64}),
)


class Source:
    """The bytes of an input, taken one after the other; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece.ljust(count, b"\0")

    def below(self, limit: int) -> int:
        """The next number, 0 <= number < limit."""
        return int.from_bytes(self.take(2), "little") % max(limit, 1)


def damage(store: Path, data: bytes) -> None:
    """Edit the files of a store as `data` says."""
    source = Source(data)
    record = source.below(4) > 0
    while source:
        name = NAMES[source.below(len(NAMES))]
        path = store / name
        edits = [_overwrite, _insert, _cut, _number]
        if name == "store.json":
            edits += [_value, _value, _deep]
        content = edits[source.below(len(edits))](path.read_bytes(), source)
        path.write_bytes(content)
    if record:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            record_again(store)


def record_again(store: Path) -> None:
    """Let store.json say what the files are now."""
    path = store / "store.json"
    manifest = json.loads(path.read_bytes())
    for name, entry in manifest["files"].items():
        if name in NAMES:
            entry |= _entry(store / name)
    for number, entry in enumerate(manifest["shards"]):
        entry |= _entry(store / f"shards/shard-{number:06d}.tar")
    path.write_text(json.dumps(manifest))


def use(store: Path) -> None:
    """Open a store, read all of it, and examine it; only a ViviError is taken for an answer."""
    from vivi.data.store import ShotStore
    from vivi.data.store.examine import examine
    from vivi.data.store.skipped import read_skipped

    with contextlib.suppress(ViviError):
        examine(store)
    with contextlib.suppress(ViviError):
        list(read_skipped(store))
    with contextlib.suppress(ViviError):
        opened = ShotStore.open(store)
        for video in range(opened.info.num_videos):
            for reading in _readings(opened, video):
                with contextlib.suppress(ViviError):
                    reading()


def _readings(store: Any, video: int) -> Iterator[Any]:
    count = store.num_frames(video)
    yield lambda: store.video_path(video)
    yield lambda: store.table.shots(video)
    yield lambda: store.video(video)
    if count:
        yield lambda: store.read_frames(video, first=0, count=count)
        yield lambda: store.read_frames(video, first=count - 1, count=1)


def _entry(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _overwrite(content: bytes, source: Source) -> bytes:
    at, piece = source.below(len(content)), source.take(source.below(16) + 1)
    return content[:at] + piece + content[at + len(piece) :]


def _insert(content: bytes, source: Source) -> bytes:
    at, piece = source.below(len(content) + 1), source.take(source.below(64))
    return content[:at] + piece * (1 + source.below(50)) + content[at:]


def _cut(content: bytes, source: Source) -> bytes:
    at, count = source.below(len(content)), source.below(len(content))
    return content[:at] + content[at + count :]


def _number(content: bytes, source: Source) -> bytes:
    """Replace an entry of an index array."""
    width = (4, 8)[source.below(2)]
    at = 128 + width * source.below(max((len(content) - 128) // width, 1))
    number = NUMBERS[source.below(len(NUMBERS))] & ((1 << 8 * width) - 1)
    return content[:at] + number.to_bytes(width, "little") + content[at + width :]


def _value(content: bytes, source: Source) -> bytes:
    """Replace, or remove, a value of store.json."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return content
    here, key = values, None
    for _ in range(1 + source.below(3)):
        inner = here if key is None else here[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        here, key = inner, keys[source.below(len(keys))]
    if key is None:
        return json.dumps(VALUES[source.below(len(VALUES))]).encode()
    if source.below(8) == 0:
        del here[key]
    else:
        here[key] = VALUES[source.below(len(VALUES))]
    return json.dumps(values).encode()


def _deep(content: bytes, source: Source) -> bytes:
    """Put very deep JSON somewhere."""
    at = source.below(len(content))
    return content[:at] + (b"[", b'{"a":')[source.below(2)] * 100_000 + content[at:]


def make_store(path: Path) -> None:
    """A sound store of three videos in two shards, its frames not even JPEG."""
    from vivi.data.store.format import Skip, VideoRecord, video_key
    from vivi.data.store.parts import Parts
    from vivi.data.store.writer import Packer, finish

    parts, packer = Parts(path), Packer(path, shard_bytes=10_000)
    for number in range(3):
        name = f"{number}.mp4"
        frames = [struct.pack("<I", 3 * number + each) * 30 for each in range(4)]
        sizes, checksums = parts.write_frames(video_key(name), frames)
        facts = {"path": name, "key": video_key(name), "bytes": 1, "container": "mp4", "codec": "h264", "seconds": 4.0}
        sides = {"source_width": 16, "source_height": 16, "width": 16, "height": 16, "source_fps": 1.0}
        shots = ((0, 2), (2, 2))
        packer.add(VideoRecord(**facts, **sides, shots=shots, frame_bytes=sizes, frame_crc32=checksums))  # type: ignore[arg-type]
    packer.flush()
    finish(packer, skipped=[Skip("a.txt", "no video", "", 3)], fps=1.0, short_side=16, settings={"fps": 1.0})
    shutil.rmtree(path / ".work")


def main() -> None:
    """Fuzz for so many seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--corpus", type=Path, required=True, help="a folder to begin with and to add to")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["vivi.data.store", "vivi.core.files"]):
        import vivi.data.store.examine
        import vivi.data.store.skipped  # noqa: F401
    options.corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        whole, damaged = Path(folder) / "whole", Path(folder) / "damaged"
        make_store(whole)

        def one(data: bytes) -> None:
            shutil.rmtree(damaged, ignore_errors=True)
            shutil.copytree(whole, damaged)
            damage(damaged, data)
            use(damaged)

        limits = ["-timeout=10", "-rss_limit_mb=1000", "-max_len=256", "-len_control=0", f"-seed={options.seed}"]
        finds = f"-artifact_prefix={options.corpus}/../find-"
        total = f"-max_total_time={options.seconds}"
        atheris.Setup([sys.argv[0], *limits, finds, total, "-print_final_stats=1", str(options.corpus)], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

"""The shot store: what is written is what is read, by us and by others, whatever happened in between."""

import json
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from vivi.core.files import sha256_file
from vivi.data.store import ShotStore
from vivi.data.store.format import Skip, VideoRecord, printable, video_key
from vivi.data.store.parts import Parts
from vivi.data.store.writer import Packer, finish

SHOTS = {"a/b.mp4": (3, 2), "a/c.MKV": (1,), "b/a b é.mp4": (2, 2, 4), "z.mp4": (5,)}
SKIPPED = [Skip("bad\\n.mp4", "corrupt", 'said "no", twice', 7)]
SHARD = 20_000


def jpegs_of(path: str) -> list[bytes]:
    rng = np.random.default_rng(len(path))
    images = rng.integers(0, 255, (sum(SHOTS[path]), 8, 12, 3), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    return [simplejpeg.encode_jpeg(image) for image in images]


def write_part(store: Path, path: str) -> None:
    parts, key = Parts(store), video_key(path)
    sizes, checksums = parts.write_frames(key, iter(jpegs_of(path)))
    starts = np.cumsum([0, *SHOTS[path]]).tolist()
    record = VideoRecord(
        path=path,
        key=key,
        bytes=1000,
        container="mp4",
        codec="h264",
        seconds=sum(SHOTS[path]) + 0.25,
        source_fps=25.0,
        source_width=96,
        source_height=64,
        width=48,
        height=32,
        shots=tuple(zip(starts, SHOTS[path], strict=False)),
        frame_bytes=sizes,
        frame_crc32=checksums,
    )
    parts.write_record(key, record)


def pack(store: Path, *, only: int | None = None) -> None:
    """Go on packing; stop as if killed after `only` more videos."""
    packer, parts = Packer(store, shard_bytes=SHARD), Parts(store)
    left = [path for path in sorted(SHOTS) if video_key(path) not in packer.packed]
    for path in left[:only]:
        record = parts.read_record(video_key(path))
        assert isinstance(record, VideoRecord)
        packer.add(record)
    if only is None:
        packer.flush()
        finish(packer, skipped=SKIPPED, fps=1.0, short_side=32, settings={"fps": 1.0})


def make(store: Path) -> Path:
    for path in sorted(SHOTS, reverse=True):
        write_part(store, path)
    pack(store)
    return store


def contents(store: Path) -> dict[str, str]:
    files = (path for path in store.rglob("*") if path.is_file() and ".work" not in path.parts)
    return {str(path.relative_to(store)): sha256_file(path) for path in files}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make(tmp_path / "store")


def test_every_frame_comes_back(store: Path) -> None:
    opened = ShotStore.open(store)
    opened.verify()
    assert [opened.video_path(video) for video in range(4)] == sorted(SHOTS)
    for video, path in enumerate(sorted(SHOTS)):
        jpegs = jpegs_of(path)
        assert opened.num_frames(video) == len(jpegs)
        assert opened.frame_size(video) == simplejpeg.decode_jpeg_header(jpegs[0])[:2] == (32, 48)
        assert [shot.length for shot in opened.table.shots(video)] == list(SHOTS[path])
        for first in range(len(jpegs)):
            for count in range(1, len(jpegs) - first + 1):
                assert opened.read_frames(video, first=first, count=count) == jpegs[first : first + count]


def test_info_counts_everything(store: Path) -> None:
    info = ShotStore.open(store).info
    assert (info.num_videos, info.num_shots, info.num_frames, info.num_skipped) == (4, 7, 19, 1)
    assert (info.fps, info.short_side, info.seconds, info.settings) == (1.0, 32, 20.0, {"fps": 1.0})
    shards = list((store / "shards").iterdir())
    assert len(shards) > 1
    assert all(path.stat().st_size <= SHARD + 1024 or _videos_in(path) == 1 for path in shards)


def _videos_in(shard: Path) -> int:
    with tarfile.open(shard) as tar:
        return sum(name.endswith(".json") for name in tar.getnames())


def test_frames_outside_a_video_are_refused(store: Path) -> None:
    opened = ShotStore.open(store)
    for video, first, count in [(4, 0, 1), (-1, 0, 1), (0, -1, 2), (0, 0, 0), (0, 5, 1), (0, 4, 2)]:
        with pytest.raises(IndexError, match="video"):
            opened.read_frames(video, first=first, count=count)


def test_any_tar_reader_reads_a_shard(store: Path) -> None:
    read: dict[str, bytes] = {}
    for shard in sorted((store / "shards").iterdir()):
        with tarfile.open(shard) as tar:
            for member in tar:
                assert member.isfile() and re.fullmatch(r"[a-z0-9._-]+", member.name)
                assert (member.mtime, member.uid, member.gid, member.uname, member.mode) == (0, 0, 0, "", 0o644)
                assert member.name not in read
                read[member.name] = tar.extractfile(member).read()
    expected: dict[str, bytes] = {}
    lines = {json.loads(line)["path"]: line for line in (store / "videos.jsonl").read_bytes().splitlines(keepends=True)}
    for path in sorted(SHOTS):
        expected[f"{video_key(path)}.json"] = lines[path]
        expected |= {f"{video_key(path)}-{n:06d}.jpg": jpeg for n, jpeg in enumerate(jpegs_of(path))}
    assert list(read.items()) == list(expected.items())


def test_a_line_says_what_the_video_is(store: Path) -> None:
    described = ShotStore.open(store).describe(2)
    assert described["path"] == "b/a b é.mp4"
    assert described["shots"] == [[0, 2], [2, 2], [4, 4]]
    assert (described["frames"], described["seconds"], described["height"]) == (8, 8.25, 32)


@pytest.mark.parametrize("only", [0, 1, 2, 3, 4])
def test_broken_off_packing_ends_with_the_same_bytes(only: int, tmp_path: Path) -> None:
    expected = contents(make(tmp_path / "whole"))
    broken = tmp_path / "broken"
    for path in SHOTS:
        write_part(broken, path)
    pack(broken, only=only)
    pack(broken, only=max(only - 2, 0))
    pack(broken)
    assert contents(broken) == expected
    pack(broken)  # the manifest exists, its journal too: writing it again changes nothing
    assert contents(broken) == expected


def test_a_shard_without_its_journal_is_packed_again(tmp_path: Path) -> None:
    expected = contents(make(tmp_path / "whole"))
    broken = tmp_path / "broken"
    for path in SHOTS:
        write_part(broken, path)
    (broken / "shards").mkdir()
    (broken / "shards" / "shard-000000.tar").write_bytes(b"half")
    pack(broken)
    assert contents(broken) == expected


def test_parts_are_deleted_once_they_are_packed(store: Path) -> None:
    assert list((store / ".work" / "parts").iterdir()) == []


def test_threads_read_at_once(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivi.data.store.files._MAX_OPEN", 1)  # some shards stay open, some are opened each time
    opened = ShotStore.open(store)
    wanted = {video: jpegs_of(path) for video, path in enumerate(sorted(SHOTS))}

    def read(number: int) -> bool:
        video = number % 4
        return opened.read_frames(video, first=0, count=len(wanted[video])) == wanted[video]

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(read, range(200)))


def test_closing_closes_the_shards(store: Path) -> None:
    def open_files() -> int:
        links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return sum(str(store / "shards") in str(path.readlink()) for path in links)

    opened = ShotStore.open(store)
    opened.read_frames(0, first=0, count=1)
    assert open_files() == 1
    opened.close()
    assert open_files() == 0
    opened = ShotStore.open(store)
    opened.read_frames(0, first=0, count=1)
    del opened
    assert open_files() == 0


def test_skipped_inputs_are_listed(store: Path) -> None:
    assert (
        store / "skipped.csv"
    ).read_text() == 'path,reason,detail,bytes\nbad\\n.mp4,corrupt,"said ""no"", twice",7\n'


def test_a_very_large_video_gets_a_shard_of_its_own(tmp_path: Path) -> None:
    path = sorted(SHOTS)[0]
    write_part(tmp_path, path)
    record = Parts(tmp_path).read_record(video_key(path))
    packer = Packer(tmp_path, shard_bytes=1)
    packer.add(record)
    packer.flush()
    assert _videos_in(tmp_path / "shards" / "shard-000000.tar") == 1


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    write_part(tmp_path, "z.mp4")
    parts, key = Parts(tmp_path), video_key("z.mp4")
    record = parts.read_record(key)
    parts.write_record(key, replace(record, shots=((0, 2), (2, 3))))
    assert parts.read_record(key) == replace(record, shots=((0, 2), (2, 3)))
    parts.write_record(key, SKIPPED[0])
    assert parts.read_record(key) == SKIPPED[0]
    assert parts.read_record("0" * 16) is None


@given(st.text(st.characters(blacklist_categories=[]), max_size=20), st.text(max_size=20))
def test_a_path_is_printed_on_one_line_and_never_as_another(first: str, second: str) -> None:
    text = printable(first)
    assert text.isprintable()
    text.encode()
    assert (printable(second) == text) == (first == second)


def test_a_path_that_is_plain_is_printed_as_it_is() -> None:
    assert printable("Ünïcode 日本/clip (1).mp4") == "Ünïcode 日本/clip (1).mp4"
    assert printable("a\nb\udcffc\\d\u202e") == r"a\nb\udcffc\\d\u202e"

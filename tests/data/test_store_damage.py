"""A damaged or foreign store is refused before any of its frames is used, and the text says what is wrong."""

import hashlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from vivi.core.errors import StoreError
from vivi.core.files import sha256_file
from vivi.data.store import ShotStore
from vivi.data.store.examine import examine
from vivi.data.store.format import INDEX, MANIFEST, SKIPPED, VideoRecord, array_header, video_key
from vivi.data.store.parts import Parts
from vivi.data.store.writer import Packer, finish


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("whole") / "store"
    parts, packer = Parts(store), Packer(store, shard_bytes=12_000)
    for number in range(3):
        path = f"{number}.mp4"
        image = np.full((16, 16, 3), 80 * number, np.uint8)
        jpegs = [simplejpeg.encode_jpeg(image, quality=quality) for quality in (20, 50, 90)]
        sizes, checksums = parts.write_frames(video_key(path), jpegs)
        packer.add(
            VideoRecord(
                path=path,
                key=video_key(path),
                bytes=1,
                container="avi",
                codec="mpeg4",
                seconds=3.0,
                source_fps=1.0,
                source_width=16,
                source_height=16,
                width=16,
                height=16,
                shots=((0, 3),),
                frame_bytes=sizes,
                frame_crc32=checksums,
            )
        )
    packer.flush()
    finish(packer, skipped=[], fps=1.0, short_side=16, settings={})
    shutil.rmtree(store / ".work")
    assert len(list((store / "shards").iterdir())) == 2
    return store


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "store")


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 0x40
    path.write_bytes(data)


def everything(store: ShotStore) -> list[bytes]:
    return [frame for video in range(3) for frame in store.read_frames(video, first=0, count=3)]


def test_a_flipped_bit_of_a_shard_is_found(store: Path) -> None:
    shard = store / "shards" / "shard-000000.tar"
    expected, found = everything(ShotStore.open(store)), 0
    for position in range(0, shard.stat().st_size, 97):
        flip(shard, position)
        opened = ShotStore.open(store)
        with pytest.raises(StoreError, match=r"shard-000000.tar is damaged"):
            opened.verify()
        try:
            assert everything(opened) == expected
        except StoreError as error:
            found += 1
            assert "shard-000000.tar" in str(error) and "frame" in str(error) and ".mp4" in str(error)
        flip(shard, position)
    assert found > 5
    ShotStore.open(store).verify()


def test_a_flipped_bit_in_a_frame_names_video_and_frame(store: Path) -> None:
    shard = store / "shards" / "shard-000001.tar"
    flip(shard, shard.read_bytes().rindex(b"\xff\xd9") - 1)  # the end of the last JPEG
    opened = ShotStore.open(store)
    opened.read_frames(2, first=0, count=2)
    with pytest.raises(StoreError, match=r"shard-000001.tar is damaged: frame 2 of video 2 \(2.mp4\)"):
        opened.read_frames(2, first=1, count=2)


def test_flips_in_every_other_file_are_found(store: Path) -> None:
    names = [path for path in sorted(store.rglob("*")) if path.is_file() and path.suffix in (".npy", ".jsonl")]
    assert len(names) == 12
    for path in names:
        for position in range(0, path.stat().st_size, 37):
            flip(path, position)
            with pytest.raises(StoreError, match=path.name):
                ShotStore.open(store).verify()
            flip(path, position)
    ShotStore.open(store).verify()


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_shard_that_is_cut_at_a_block_is_refused(store: Path, blocks: int) -> None:
    shard = store / "shards" / "shard-000001.tar"
    with shard.open("r+b") as file:
        file.truncate(shard.stat().st_size - 512 * blocks)
    with pytest.raises(StoreError, match=r"shard-000001.tar has \d+ bytes instead of \d+"):
        ShotStore.open(store)


def test_a_shard_that_is_cut_later_is_noticed(store: Path) -> None:
    opened = ShotStore.open(store)
    (store / "shards" / "shard-000001.tar").write_bytes(b"")
    with pytest.raises(StoreError, match=r"shard-000001.tar is shorter"):
        opened.read_frames(2, first=0, count=1)


@pytest.mark.parametrize("name", ["shards/shard-000000.tar", "index/shot_first.npy", "videos.jsonl", "skipped.csv"])
def test_a_missing_file_is_named(store: Path, name: str) -> None:
    (store / name).unlink()
    with pytest.raises(StoreError, match=f"{name}: No such file"):
        ShotStore.open(store)


@pytest.mark.timeout(30)
def test_pipes_in_the_place_of_files_are_not_read(store: Path) -> None:
    manifest = json.loads((store / MANIFEST).read_bytes())
    (store / SKIPPED).unlink()
    os.mkfifo(store / SKIPPED)
    manifest["files"][SKIPPED] |= {"bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    (store / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"skipped.csv is no regular file"):
        ShotStore.open(store)
    assert [(each.file, each.what) for each in examine(store).damages] == [(SKIPPED, "is missing")]
    (store / MANIFEST).unlink()
    os.mkfifo(store / MANIFEST)
    for reading in (ShotStore.open, examine):
        with pytest.raises(StoreError, match=r"store.json is no regular file"):
            reading(store)


def test_a_shard_that_vanishes_is_named(store: Path) -> None:
    opened = ShotStore.open(store)
    (store / "shards" / "shard-000000.tar").unlink()
    with pytest.raises(StoreError, match=r"cannot read .*shard-000000.tar"):
        opened.read_frames(0, first=0, count=1)


def test_a_shard_too_many_is_named(store: Path) -> None:
    shutil.copy(store / "shards" / "shard-000000.tar", store / "shards" / "shard-000002.tar")
    with pytest.raises(StoreError, match=r"shard-000002.tar does not belong to the store"):
        ShotStore.open(store)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder; make a store with vivi ingest"):
        ShotStore.open(tmp_path / "none")
    with pytest.raises(StoreError, match="is not a shot store"):
        ShotStore.open(tmp_path)
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "job.json").write_text("{}")
    with pytest.raises(StoreError, match="run the same vivi ingest command again"):
        ShotStore.open(tmp_path)


def test_a_store_of_another_version_is_refused(store: Path) -> None:
    manifest = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps(manifest | {"version": 2}))
    with pytest.raises(StoreError, match="store of version 2, this vivi reads version 1"):
        ShotStore.open(store)
    (store / "store.json").write_text(json.dumps(manifest | {"format": "other"}))
    with pytest.raises(StoreError, match="does not describe a shot store"):
        ShotStore.open(store)


def test_a_manifest_with_anything_missing_or_wrong_is_a_store_error(store: Path) -> None:
    text = (store / "store.json").read_text()
    for key in ("info", "shards", "files"):
        for value in (None, [], {}, 3, "x", [{}], {"num_videos": 3}):
            (store / "store.json").write_text(json.dumps(json.loads(text) | {key: value}))
            with pytest.raises(StoreError, match=r"store.json|shard-00000\d.tar does not belong"):
                ShotStore.open(store)
    for cut in range(0, len(text) - 2, 101):
        (store / "store.json").write_text(text[:cut])
        with pytest.raises(StoreError, match=r"store.json"):
            ShotStore.open(store)


def test_an_index_of_the_wrong_length_is_refused(store: Path) -> None:
    manifest = json.loads((store / "store.json").read_text())
    manifest["info"]["num_frames"] += 1
    (store / "store.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"frame_offset.npy has 9 entries instead of 10"):
        ShotStore.open(store)


def record_again(store: Path, name: str) -> None:
    """Let the manifest say what the changed file is, as a forger would."""
    manifest = json.loads((store / "store.json").read_text())
    path = store / name
    manifest["files"][name] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    (store / "store.json").write_text(json.dumps(manifest))


def test_an_index_that_needs_pickle_is_not_loaded(store: Path) -> None:
    path = store / "index" / "shot_first.npy"
    np.save(path, np.array([print], dtype=object), allow_pickle=True)
    record_again(store, "index/shot_first.npy")
    with pytest.raises(StoreError, match=r"shot_first.npy has 21.125 entries instead of 3"):
        ShotStore.open(store)
    path.write_bytes(path.read_bytes()[: 128 + 3 * 8])
    record_again(store, "index/shot_first.npy")
    with pytest.raises(StoreError, match=r"shot_first.npy is damaged \(not the header of 3 numbers <i8\)"):
        ShotStore.open(store)


@pytest.mark.parametrize(
    ("array", "at", "value", "text"),
    [
        ("video_start", 0, 1, "video_start.npy is damaged .not a rise from 0 to 3"),
        ("video_start", 1, 5, "video_start.npy is damaged .not a rise"),
        ("frame_start", 3, 2**62, "frame_start.npy is damaged .not a rise from 0 to 9"),
        ("video_line", 1, -1, "video_line.npy is damaged"),
        ("video_shard", 2, 2, "video_shard.npy is damaged .not all in 0 to 1"),
        ("height", 0, 0, "height.npy is damaged .not all in 1 to 65535"),
        ("width", 1, 1 << 30, "width.npy is damaged"),
        ("shot_first", 1, -1, "shot leaves its video"),
        ("shot_first", 1, 2**63 - 1, "shot leaves its video"),
        ("shot_length", 2, 0, "shot leaves its video"),
        ("shot_length", 0, 4, "shot leaves its video"),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(store: Path, array: str, at: int, value: int, text: str) -> None:
    path = store / "index" / f"{array}.npy"
    values = np.load(path)
    values[at] = value
    np.save(path, values)
    record_again(store, f"index/{array}.npy")
    with pytest.raises(StoreError, match=text):
        ShotStore.open(store)


@pytest.mark.parametrize(
    ("array", "value"), [("frame_offset", -1), ("frame_offset", 2**62), ("frame_bytes", -5), ("frame_bytes", 2**31 - 1)]
)
def test_a_lie_about_a_frame_is_found_when_it_is_read(store: Path, array: str, value: int) -> None:
    path = store / "index" / f"{array}.npy"
    values = np.load(path)
    values[4] = value
    np.save(path, values)
    record_again(store, f"index/{array}.npy")
    opened = ShotStore.open(store)
    opened.read_frames(0, first=0, count=3)
    opened.read_frames(1, first=2, count=1)
    with pytest.raises(StoreError, match=r"shard-000000.tar"):
        opened.read_frames(1, first=1, count=1)


def test_frame_arrays_that_are_large_are_hashed_by_verify(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(store / "index" / "frame_crc32.npy", 128 + 4 * 4)
    with pytest.raises(StoreError, match=r"frame_crc32.npy is damaged"):
        ShotStore.open(store)
    monkeypatch.setattr("vivi.data.store.index.HASHED", 100)
    opened = ShotStore.open(store)
    with pytest.raises(StoreError, match=r"frame 1 of video 1 \(1.mp4\) does not match its checksum"):
        opened.read_frames(1, first=0, count=3)
    with pytest.raises(StoreError, match=r"frame_crc32.npy is damaged"):
        opened.verify()
    flip(store / "index" / "shot_first.npy", 128)
    with pytest.raises(StoreError, match=r"shot_first.npy is damaged"):
        ShotStore.open(store)


def test_a_damaged_line_of_a_video_is_named(store: Path) -> None:
    (store / "videos.jsonl").write_bytes(b"x" * (store / "videos.jsonl").stat().st_size)
    record_again(store, "videos.jsonl")
    opened = ShotStore.open(store)
    with pytest.raises(StoreError, match=r"line 1 of .*videos.jsonl is damaged"):
        opened.describe(0)


def test_the_header_of_an_index_array_is_that_of_numpy() -> None:
    for array, kind in INDEX.items():
        for length in (0, 1, 12_345, 5_000_000_000):
            written = io.BytesIO()
            descr = np.dtype(kind).newbyteorder("<").str
            np.lib.format.write_array_header_1_0(written, {"descr": descr, "fortran_order": False, "shape": (length,)})
            assert array_header(array, length) == written.getvalue()

"""A damaged or foreign store is refused before any of its frames is used, and the text says what is wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from vivi.core.errors import StoreError
from vivi.core.files import sha256_file
from vivi.data.store import ShotStore
from vivi.data.store.format import VideoRecord, video_key
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


def test_an_index_that_needs_pickle_is_not_loaded(store: Path) -> None:
    path = store / "index" / "shot_first.npy"
    np.save(path, np.array([print], dtype=object), allow_pickle=True)
    manifest = json.loads((store / "store.json").read_text())
    manifest["files"]["index/shot_first.npy"] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
    (store / "store.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"store.json is damaged"):
        ShotStore.open(store)

"""A store far away reads like one in a folder, each byte fetched once, and damage is found as it is here."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.reference.loopback import S3, WebServer, s3, s3_server, served
from tests.reference.small_store import frames_of, small_store

from vivi.core.errors import StoreError
from vivi.core.remote import RemoteError
from vivi.data.store import ShotStore
from vivi.data.store.examine import examine
from vivi.data.store.format import Skip
from vivi.data.store.remote_shards import BLOCK
from vivi.data.store.skipped import read_skipped
from vivi.data.store.split import by_share, extract
from vivi.data.store.survey import survey

__all__ = ["s3", "s3_server"]

pytest.importorskip("obstore")
SIZE = 30_000
VIDEOS = {f"{number}.mp4": (3, 4, 5) for number in range(6)}
SKIPPED = (Skip("a.txt", "no video", "", 1),)


@pytest.fixture
def local(tmp_path: Path) -> Path:
    return small_store(tmp_path / "root" / "store", VIDEOS, skipped=SKIPPED, size=SIZE)


@pytest.fixture
def web(local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "cache"))
    with served(local.parent) as server:
        yield server


def everything(store: ShotStore) -> list[list[bytes]]:
    return [store.read_frames(video, first=0, count=12) for video in range(6)]


def test_it_reads_as_from_a_folder(web: WebServer, local: Path) -> None:
    far, near = ShotStore.open(Path(f"{web.url}/store")), ShotStore.open(local)
    assert far.where == f"{web.url}/store"
    assert (far.info, far.digest, far.facts) == (near.info, near.digest, near.facts)
    assert all(np.array_equal(far.index[name], near.index[name]) for name in near.index)
    assert everything(far) == everything(near) == [frames_of(path, 12, size=SIZE) for path in VIDEOS]
    assert [far.describe(video) for video in range(6)] == [near.describe(video) for video in range(6)]
    assert list(read_skipped(far.path)) == list(SKIPPED)
    far.verify()


def test_the_index_is_fetched_once(web: WebServer) -> None:
    ShotStore.open(f"{web.url}/store").close()
    fetched = [path for method, path, _ in web.requests if method == "GET"]
    assert sum("index/" in path for path in fetched) == 11
    web.requests.clear()
    again = ShotStore.open(f"{web.url}/store")
    assert {path for method, path, _ in web.requests if method == "GET"} == {"/store/store.json"}
    web.requests.clear()
    again.describe(3)
    assert web.requests == []


def test_frames_come_in_blocks_and_only_once(web: WebServer) -> None:
    store = ShotStore.open(f"{web.url}/store")
    web.requests.clear()
    store.read_frames(2, first=3, count=4)
    begin, end = int(store.index["frame_offset"][27]), int(store.index["frame_offset"][30] + SIZE + 6 * 37)
    first, last = begin // BLOCK * BLOCK, -(-end // BLOCK) * BLOCK
    assert last - first > BLOCK  # more than one block, by one request
    assert web.ranges == [(f"/store/shards/shard-00000{store.index['video_shard'][2]}.tar", first, last)]
    store.read_frames(2, first=3, count=4)
    assert len(web.requests) == 1
    everything(store)
    everything(ShotStore.open(f"{web.url}/store"))
    covered = [
        number for path, a, b in web.ranges if path.endswith("0.tar") for number in range(a // BLOCK, -(-b // BLOCK))
    ]
    assert sorted(covered) == list(range(-(-store.manifest.shards[0].bytes // BLOCK)))


def test_another_copy_of_the_store_finds_the_blocks(web: WebServer, local: Path) -> None:
    everything(ShotStore.open(f"{web.url}/store"))
    shutil.copytree(local, local.parent / "copy")
    other = ShotStore.open(f"{web.url}/copy")
    web.requests.clear()
    everything(other)
    assert web.requests == []


def test_threads_read_at_once(web: WebServer) -> None:
    store = ShotStore.open(f"{web.url}/store")
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda n: store.read_frames(n % 6, first=n % 4, count=5), range(60)))
    assert found == [frames_of(f"{n % 6}.mp4", 12, size=SIZE)[n % 4 : n % 4 + 5] for n in range(60)]


def test_a_damaged_block_of_the_cache_is_fetched_again(web: WebServer, tmp_path: Path) -> None:
    store = ShotStore.open(f"{web.url}/store")
    expected = everything(store)
    for block in (tmp_path / "cache" / "blocks").rglob("*-*"):
        block.write_bytes(bytes(block.stat().st_size))
    assert everything(store) == expected
    for block in (tmp_path / "cache" / "blocks").rglob("*-*"):
        block.write_bytes(b"")
    assert everything(store) == expected


def test_damage_at_the_server_names_the_frame(web: WebServer, local: Path) -> None:
    shard = local / "shards" / "shard-000000.tar"
    data = bytearray(shard.read_bytes())
    data[data.index(frames_of("1.mp4", 3, size=SIZE)[2])] ^= 1
    shard.write_bytes(data)
    store = ShotStore.open(f"{web.url}/store")
    store.read_frames(1, first=0, count=2)
    with pytest.raises(StoreError, match=r"http://.*shard-000000.tar is damaged: frame 2 of video 1 \(1.mp4\)"):
        store.read_frames(1, first=0, count=3)
    (damage,) = examine(f"{web.url}/store").damages
    assert damage.file == "shards/shard-000000.tar"
    assert [(lost.path, lost.frames) for lost in damage.lost or ()] == [("1.mp4", (2,))]


def test_an_upload_that_is_not_whole_is_refused(web: WebServer, local: Path) -> None:
    name = "shards/shard-000001.tar"
    data = (local / name).read_bytes()
    (local / name).write_bytes(data[:-512])
    with pytest.raises(StoreError, match=rf"{name} has \d+ bytes instead of \d+"):
        ShotStore.open(f"{web.url}/store")
    (local / name).unlink()
    with pytest.raises(RemoteError, match=f"{name} does not exist"):
        ShotStore.open(f"{web.url}/store")
    assert [damage.what for damage in examine(f"{web.url}/store").damages] == ["is missing"]
    (local / "store.json").unlink()
    with pytest.raises(RemoteError, match=r"store/store.json does not exist"):
        ShotStore.open(f"{web.url}/store")


def test_a_damaged_index_is_refused_and_not_kept(web: WebServer, local: Path, tmp_path: Path) -> None:
    array = local / "index" / "shot_first.npy"
    whole = array.read_bytes()
    array.write_bytes(whole[:-1] + b"\x01")
    with pytest.raises(StoreError, match=r"http://.*shot_first.npy is damaged"):
        ShotStore.open(f"{web.url}/store")
    assert not list((tmp_path / "cache" / "folders").glob("*/store.json"))
    array.write_bytes(whole)
    everything(ShotStore.open(f"{web.url}/store"))


def test_a_manifest_of_something_else_is_refused(web: WebServer, local: Path) -> None:
    (local / "store.json").write_text(json.dumps({"format": "vivi-shots", "version": 9}))
    with pytest.raises(StoreError, match=r"http://.*store.json: a store of version 9, this vivi reads version 1"):
        ShotStore.open(f"{web.url}/store")


def test_a_part_of_it_becomes_a_store_here(web: WebServer, local: Path, tmp_path: Path) -> None:
    far, near = ShotStore.open(f"{web.url}/store"), ShotStore.open(local)
    one = extract(far, by_share(far, low=0, high=0.6)[0], out=tmp_path / "far")
    two = extract(near, by_share(near, low=0, high=0.6)[0], out=tmp_path / "near")
    assert one.digest == two.digest


def test_a_store_in_a_real_s3_bucket(s3: S3, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "cache"))
    url = s3.upload(local, "data/store")
    store = ShotStore.open(Path(url))
    assert everything(store) == [frames_of(path, 12, size=SIZE) for path in VIDEOS]
    assert survey(Path(url)).store == "s3://bucket/data/store"
    assert examine(url).damages == ()
    s3.put("data/store/shards/shard-000001.tar", b"short")
    with pytest.raises(StoreError, match=r"s3://bucket/data/store/shards/shard-000001.tar has 5 bytes"):
        ShotStore.open(url)
    with pytest.raises(RemoteError, match=r"s3://bucket/other/store.json does not exist"):
        ShotStore.open("s3://bucket/other")

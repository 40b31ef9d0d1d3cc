"""Stores merge: every frame comes back under the number it should have, nothing is written twice, nothing is lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.reference.small_store import SETTINGS, contents, frames_of, small_store

from vivi.core.errors import StoreError
from vivi.data.store import ShotStore
from vivi.data.store.format import Skip, printable, video_key
from vivi.data.store.merge import merge
from vivi.data.store.skipped import read_skipped

A = {"a/1.mp4": (3, 2), "a/2.mp4": (4,), "z.mp4": (1, 1, 1)}
B = {"b/1.mp4": (2,), "m\\n.mp4": (5, 3)}
C = {"c.mp4": (2, 2)}
SKIPS_A = (Skip("b/1.mp4", "timeout", "", 10), Skip("gone.mp4", "corrupt", "first", 1))
SKIPS_B = (Skip("c.mp4", "crashed", "", 4), Skip("gone.mp4", "corrupt", "second", 1), Skip("n.txt", "no video", "", 2))


@pytest.fixture
def stores(tmp_path: Path) -> list[Path]:
    return [
        small_store(tmp_path / "A", A, skipped=SKIPS_A, shard_bytes=3000),
        small_store(tmp_path / "B", B, skipped=SKIPS_B, shard_bytes=3000),
        small_store(tmp_path / "C", C),
    ]


def test_every_frame_comes_back_in_the_order_of_the_stores(stores: list[Path], tmp_path: Path) -> None:
    merged = merge(stores, out=tmp_path / "merged")
    merged.verify()
    expected = [(path, lengths) for videos in (A, B, C) for path, lengths in sorted(videos.items())]
    assert merged.info.num_videos == len(expected)
    for video, (path, lengths) in enumerate(expected):
        assert merged.video_path(video) == path
        assert merged.read_frames(video, first=0, count=sum(lengths)) == frames_of(path, sum(lengths))
        assert [shot.length for shot in merged.table.shots(video)] == list(lengths)
        assert merged.frame_size(video) == (32, 40 + 2 * len(path))
        assert merged.describe(video)["key"] == video_key(path)
    info = merged.info
    assert (info.num_shots, info.num_frames, info.settings) == (11, 26, SETTINGS)
    assert info.seconds == 26 + 6 * 0.25
    assert not (tmp_path / "merged" / ".work").exists() and not (tmp_path / "merged" / ".lock").exists()


def test_skipped_inputs_are_joined_without_what_is_stored(stores: list[Path], tmp_path: Path) -> None:
    merged = merge(stores, out=tmp_path / "merged")
    # b/1.mp4 was too slow for A and is stored in B, c.mp4 likewise; gone.mp4 failed twice, the later line stays
    expected = [Skip("gone.mp4", "corrupt", "second", 1), Skip("n.txt", "no video", "", 2)]
    assert list(read_skipped(merged.path)) == expected
    assert merged.info.num_skipped == 2


def test_a_merge_is_a_function_of_the_stores_alone(stores: list[Path], tmp_path: Path) -> None:
    once = contents(merge(stores, out=tmp_path / "once").path)
    assert contents(merge(stores, out=tmp_path / "again", copy=True).path) == once
    # in two steps it is the same store
    first = merge(stores[:2], out=tmp_path / "first").path
    assert contents(merge([first, stores[2]], out=tmp_path / "steps").path) == once
    assert contents(merge(stores[::-1], out=tmp_path / "turned").path) != once


def test_a_merge_is_what_the_writer_makes(tmp_path: Path) -> None:
    """Stores whose videos follow one another, with shards cut at the same places, merge to the store of all videos."""
    first, second = {"a.mp4": (3, 2), "b.mp4": (4,)}, {"c.mp4": (1, 1), "d.mp4": (6,)}
    whole = small_store(tmp_path / "whole", first | second, shard_bytes=1)
    halves = [small_store(tmp_path / f"half{n}", part, shard_bytes=1) for n, part in enumerate((first, second))]
    assert contents(merge(halves, out=tmp_path / "merged").path) == contents(whole)


def test_shards_are_shared_or_copied(stores: list[Path], tmp_path: Path) -> None:
    shared = merge(stores, out=tmp_path / "shared").path
    assert (shared / "shards/shard-000000.tar").samefile(stores[0] / "shards/shard-000000.tar")
    copied = merge(stores, out=tmp_path / "copied", copy=True).path
    assert all(path.stat().st_nlink == 1 for path in (copied / "shards").iterdir())
    shutil.rmtree(stores[0])
    ShotStore.open(shared).verify()


def test_shards_are_copied_where_there_are_no_links(
    stores: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, os.strerror(18))

    monkeypatch.setattr("vivi.data.store.merge.os.link", refuse)
    merge(stores, out=tmp_path / "merged").verify()


def test_a_damaged_shard_is_not_copied(stores: list[Path], tmp_path: Path) -> None:
    shard = stores[1] / "shards" / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[::-1])
    with pytest.raises(StoreError, match=r"B/shards/shard-000000.tar is damaged"):
        merge(stores, out=tmp_path / "merged", copy=True)
    with pytest.raises(StoreError, match=r"vivi store was broken off here; run the same vivi store command again"):
        ShotStore.open(tmp_path / "merged")


@pytest.mark.parametrize("name", ["videos.jsonl", "skipped.csv", "index/frame_crc32.npy"])
def test_a_damaged_list_is_not_given_a_new_checksum(
    stores: list[Path], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivi.data.store.index.HASHED", 0)
    data = bytearray((stores[1] / name).read_bytes())
    data[-3] ^= 1
    (stores[1] / name).write_bytes(data)
    with pytest.raises(StoreError, match=f"B/{name} is damaged"):
        merge(stores, out=tmp_path / "merged")


def test_a_video_in_two_stores_is_named(stores: list[Path], tmp_path: Path) -> None:
    other = small_store(tmp_path / "D", {"a/2.mp4": (1,), "x.mp4": (2,), printable("m\n.mp4"): (1,)})
    with pytest.raises(
        StoreError, match=r"^2 videos occur more than once \(.*'a/2.mp4' of \S+D is in \S+A too"
    ) as error:
        merge([*stores, other], out=tmp_path / "merged")
    assert r"'m\\n.mp4'" in str(error.value)
    assert not (tmp_path / "merged").exists()
    with pytest.raises(StoreError, match="3 videos occur more than once"):
        merge([stores[0], stores[0]], out=tmp_path / "merged")


def test_other_settings_are_named(stores: list[Path], tmp_path: Path) -> None:
    other = small_store(tmp_path / "D", {"x.mp4": (2,)}, settings=SETTINGS | {"fps": 2.0})
    with pytest.raises(StoreError, match=r"A and \S+D differ in their settings \(.*fps"):
        merge([*stores, other], out=tmp_path / "merged")


def test_an_output_that_holds_something_else_is_refused(stores: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "merged"
    out.mkdir()
    (out / "note.txt").touch()
    with pytest.raises(StoreError, match=r"not empty .it holds 'note.txt'"):
        merge(stores, out=out)
    with pytest.raises(StoreError, match="is a store already"):
        merge(stores, out=stores[2])
    with pytest.raises(StoreError, match="two or more"):
        merge(stores[:1], out=tmp_path / "new")


def killed_at(where: str, stores: list[Path], out: Path) -> int:
    """Run the merge until it dies there; its exit code."""
    words = ["-m", "vivi", "store", "merge", *map(str, stores), "--out", str(out)]
    return subprocess.run([sys.executable, *words], env=os.environ | {"VIVI_CRASH_AT": where}, timeout=60).returncode


@pytest.mark.parametrize("where", ["placed-2", "before-rename:frame_bytes.npy", "before-rename:store.json"])
def test_killed_it_goes_on(stores: list[Path], tmp_path: Path, where: str) -> None:
    expected = contents(merge(stores, out=tmp_path / "whole").path)
    out = tmp_path / "broken"
    assert killed_at(where, stores, out) == -9
    with pytest.raises(StoreError, match="run the same vivi store command again"):
        ShotStore.open(out)
    with pytest.raises(StoreError, match="begun with other stores or flags"):
        merge(stores[:2], out=out)
    assert contents(merge(stores, out=out).path) == expected


def test_killed_when_it_was_whole_it_is_only_tidied(stores: list[Path], tmp_path: Path) -> None:
    expected = contents(merge(stores, out=tmp_path / "whole").path)
    out = tmp_path / "broken"
    assert killed_at("merged", stores, out) == -9
    assert (out / ".work").exists() and (out / "store.json").exists()
    assert contents(merge(stores, out=out).path) == expected

"""A part of a store is the store that an ingest of just these videos would have made."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tests.reference.small_store import contents, frames_of, small_store

from vivi.core.errors import ConfigError, StoreError, ViviError
from vivi.core.files import crash_point
from vivi.data.store import ShotStore
from vivi.data.store.format import Skip
from vivi.data.store.merge import merge
from vivi.data.store.split import by_list, by_share, extract, fraction, parsed_share

VIDEOS = {f"v/{number:02d}.mp4": (1 + number % 3, 2 + number % 2) for number in range(24)}
SKIPPED = (Skip("a.txt", "no video", "", 2), Skip("b.mp4", "corrupt", "x", 3), Skip("c.mp4", "corrupt", "y", 3))


@pytest.fixture
def store(tmp_path: Path) -> ShotStore:
    """In shards of a few videos, while its settings say 1 MiB."""
    return ShotStore.open(small_store(tmp_path / "all", VIDEOS, skipped=SKIPPED, size=40_000, shard_bytes=700_000))


def hashed(path: str) -> float:
    """Independent of the package: the first 64 bits of the hash of the path as a fraction."""
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big") / 2**64


def expected(path: Path, *, keep: list[str]) -> dict[str, str]:
    videos = {name: lengths for name, lengths in VIDEOS.items() if name in keep}
    skipped = [skip for skip in SKIPPED if skip.path in keep]
    return contents(small_store(path, videos, skipped=skipped, size=40_000))


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.3, 1.0), (0.0, 1.0)])
def test_a_share_is_what_an_ingest_of_it_would_be(store: ShotStore, tmp_path: Path, low: float, high: float) -> None:
    chosen, others = by_share(store, low=low, high=high)
    inside = [path for path in (*VIDEOS, *(skip.path for skip in SKIPPED)) if low <= hashed(path) < high]
    part = extract(store, chosen, out=tmp_path / "part")
    part.verify()
    assert contents(part.path) == expected(tmp_path / "made", keep=inside)
    assert len(chosen.videos) + len(others.videos) == 24 and len(chosen.skipped) + len(others.skipped) == 3
    if len(others.videos):
        rest = extract(store, others, out=tmp_path / "rest")
        keep = [path for path in (*VIDEOS, *(skip.path for skip in SKIPPED)) if path not in inside]
        assert contents(rest.path) == expected(tmp_path / "other", keep=keep)


def test_shares_do_not_depend_on_the_store(store: ShotStore, tmp_path: Path) -> None:
    """A tenth is a part of a third, and a video is on the same side of another store with other neighbours."""
    tenth, third = (set(by_share(store, low=0, high=high)[0].videos) for high in (0.1, 1 / 3))
    assert tenth < third
    grown = merge([small_store(tmp_path / "new", {"w.mp4": (2,)}, size=40_000), store.path], out=tmp_path / "grown")
    names = {grown.video_path(video) for video in by_share(grown, low=0, high=1 / 3)[0].videos}
    assert names - {"w.mp4"} == {store.video_path(video) for video in third}


def test_fractions_are_those_of_the_hash() -> None:
    assert fraction("0" * 16) == 0
    assert fraction("8" + "0" * 15) == 0.5
    assert fraction("f" * 16) < 1
    with pytest.raises(ValueError, match="not a key"):
        fraction("12")


def test_listed_videos_and_the_others(store: ShotStore, tmp_path: Path) -> None:
    keep = ["v/03.mp4", "v/04.mp4", "v/17.mp4", "b.mp4"]
    (tmp_path / "list.txt").write_text("\n".join([*keep, "", "v/03.mp4"]))
    chosen, others = by_list(store, file=tmp_path / "list.txt")
    part = extract(store, chosen, out=tmp_path / "part")
    assert contents(part.path) == expected(tmp_path / "made", keep=keep)
    assert part.read_frames(2, first=0, count=4) == frames_of("v/17.mp4", 6, size=40_000)[:4]
    assert len(others.videos) == 21 and [skip.path for skip in others.skipped] == ["a.txt", "c.mp4"]


def test_a_list_that_names_something_else_is_refused(store: ShotStore, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("v/03.mp4\nV/04.mp4\nnone\n")
    with pytest.raises(StoreError, match=r"list.txt names 2 that .* does not have \('V/04.mp4', 'none'\)"):
        by_list(store, file=tmp_path / "list.txt")
    with pytest.raises(ViviError, match="cannot read"):
        by_list(store, file=tmp_path / "missing.txt")


def test_shares_that_make_no_sense_are_refused(store: ShotStore, tmp_path: Path) -> None:
    assert parsed_share("0.1") == (0.0, 0.1) and parsed_share("0.25:1") == (0.25, 1.0)
    for text in ("", "a", "0.1:", "0.1:0.2:0.3"):
        with pytest.raises(ConfigError, match="must be a number"):
            parsed_share(text)
    for low, high in ((0.2, 0.1), (-0.1, 0.5), (0, 1.5), (0.5, 0.5), (0, float("nan"))):
        with pytest.raises(StoreError, match="a share from"):
            by_share(store, low=low, high=high)
    with pytest.raises(StoreError, match="would have no videos"):
        extract(store, by_share(store, low=0, high=1e-6)[0], out=tmp_path / "part")


def test_damage_is_not_copied(store: ShotStore, tmp_path: Path) -> None:
    shard = store.path / "shards" / "shard-000000.tar"
    data = bytearray(shard.read_bytes())
    data[data.index(frames_of("v/01.mp4", 2, size=40_000)[1])] ^= 1
    shard.write_bytes(data)
    everything = by_share(store, low=0, high=1)[0]
    with pytest.raises(StoreError, match=r"shard-000000.tar is damaged: frame 1 of video 1 \(v/01.mp4\)"):
        extract(store, everything, out=tmp_path / "part")
    with pytest.raises(StoreError, match="run the same vivi store command again"):
        ShotStore.open(tmp_path / "part")


def test_broken_off_it_goes_on(store: ShotStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = by_share(store, low=0, high=1)[0]
    whole = contents(extract(store, everything, out=tmp_path / "whole").path)
    out, written = tmp_path / "broken", []

    def stop(name: str) -> None:
        crash_point(name)
        written.append(name)
        if name == "split-1":
            raise KeyboardInterrupt

    monkeypatch.setattr("vivi.data.store.split.crash_point", stop)
    with pytest.raises(KeyboardInterrupt):
        extract(store, everything, out=out)
    assert len(list((out / "shards").iterdir())) == 2 and not (out / "store.json").exists()
    few = by_share(store, low=0, high=0.5)[0]
    with pytest.raises(StoreError, match="begun with other stores or flags"):
        extract(store, few, out=out)
    before = {path.name: path.stat().st_mtime_ns for path in (out / "shards").iterdir()}
    monkeypatch.setattr("vivi.data.store.split.crash_point", crash_point)
    assert contents(extract(store, everything, out=out).path) == whole
    after = {path.name: path.stat().st_mtime_ns for path in (out / "shards").iterdir()}
    assert before.items() <= after.items() and len(after) > 2
    assert np.array_equal(ShotStore.open(out).index["frame_start"], store.index["frame_start"])

"""Whatever is damaged is named, with the frames that it costs: no more of them, and no fewer."""

import os
import shutil
from pathlib import Path

import pytest
from tests.reference.small_store import frames_of, small_store

from vivi.cli import main
from vivi.core.errors import StoreError
from vivi.data.store import ShotStore
from vivi.data.store.examine import examine
from vivi.data.store.format import Skip
from vivi.data.store.survey import survey

VIDEOS = {"a.mp4": (2, 2), "b.mp4": (3,), "c.mp4": (1, 1)}
SKIPPED = (Skip("x", "corrupt", "", 1), Skip("y", "timeout", "", 1), Skip("z", "corrupt", "", 1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return small_store(folder / "store", VIDEOS, skipped=SKIPPED, shard_bytes=7_000)


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "store")


def change(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_sound_store_has_no_damage(store: Path) -> None:
    seen: list[tuple[int, int]] = []
    examined = examine(store, progress=lambda done, total: seen.append((done, total)))
    total = sum(path.stat().st_size for path in store.rglob("*") if path.is_file() and path.name != "store.json")
    assert (examined.files, examined.bytes, examined.damages) == (16, total, ())
    assert seen[-1] == (total, total) and seen == sorted(seen)


def test_each_lost_frame_is_named(store: Path) -> None:
    opened = ShotStore.open(store)
    for video, frame in ((0, 1), (0, 3), (1, 2)):
        position = int(opened.index["frame_offset"][opened.index["frame_start"][video] + frame])
        change(store / f"shards/shard-00000{opened.index['video_shard'][video]}.tar", position + 5)
    lost = [
        (each.video, each.path, each.frames, each.of) for damage in examine(store).damages for each in damage.lost or ()
    ]
    assert lost == [(0, "a.mp4", (1, 3), 4), (1, "b.mp4", (2,), 3)]


def test_every_flip_in_a_shard_is_found_and_costs_a_frame_only_inside_one(store: Path) -> None:
    opened, shard = ShotStore.open(store), store / "shards" / "shard-000000.tar"
    inside = {
        at: frame
        for frame in range(opened.num_frames(0))
        for at in range(*_span(opened, frame))
    }  # fmt: skip
    for at in range(0, shard.stat().st_size, 211):
        change(shard, at)
        (damage,) = examine(store).damages
        assert damage.what == "does not have the recorded sha256"
        found = {(lost.video, lost.frames) for lost in damage.lost or ()}
        assert {each for each in found if each[0] == 0} == ({(0, (inside[at],))} if at in inside else set())
        change(shard, at)


def _span(store: ShotStore, frame: int) -> tuple[int, int]:
    begin = int(store.index["frame_offset"][frame])
    return begin, begin + int(store.index["frame_bytes"][frame])


def test_a_missing_and_a_cut_shard_cost_what_is_not_there(store: Path) -> None:
    (store / "shards" / "shard-000000.tar").unlink()
    last = store / "shards" / "shard-000001.tar"
    last.write_bytes(last.read_bytes()[:-1500])  # the end of the tar file and of the last frame
    (store / "shards" / "note").touch()
    first, second, third = examine(store).damages
    assert first.what == "is missing"
    assert [(lost.path, lost.frames) for lost in first.lost or ()] == [("a.mp4", (0, 1, 2, 3))]
    assert second.what.endswith(f"bytes instead of {last.stat().st_size + 1500}")
    assert [(lost.path, lost.frames) for lost in second.lost or ()] == [("b.mp4", (2,))]
    assert (third.file, third.what, third.lost) == ("shards/note", "does not belong to the store", ())


def test_with_a_damaged_index_nothing_is_said_about_frames(store: Path) -> None:
    change(store / "index" / "frame_crc32.npy", 150)
    change(store / "shards" / "shard-000000.tar", 600)
    change(store / "skipped.csv", 40)
    found = {damage.file: damage.lost for damage in examine(store).damages}
    assert found == {"index/frame_crc32.npy": None, "shards/shard-000000.tar": None, "skipped.csv": None}
    change(store / "index" / "frame_crc32.npy", 150)
    assert {damage.file for damage in examine(store).damages} == {"shards/shard-000000.tar", "skipped.csv"}


def test_files_that_may_not_be_read_are_not_called_missing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def refused(path: object, **more: bool) -> os.stat_result:
        if str(path).endswith("video_start.npy"):
            raise PermissionError(13, os.strerror(13), str(path))
        return real(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refused)
    for look in (examine, ShotStore.open):
        with pytest.raises(StoreError, match=r"cannot read .*video_start.npy \(Permission denied\): see that you may"):
            look(store)


def test_without_a_manifest_nothing_can_be_said(store: Path) -> None:
    (store / "store.json").write_bytes((store / "store.json").read_bytes()[:-10])
    with pytest.raises(StoreError, match="not valid JSON"):
        examine(store)


def test_a_survey_counts(store: Path) -> None:
    found = survey(store)
    assert (found.videos, found.shots, found.frames, found.seconds) == (3, 5, 9, 9.75)
    assert list(found.skipped.items()) == [("corrupt", 2), ("timeout", 1)]
    assert found.shard_bytes == sum(path.stat().st_size for path in (store / "shards").iterdir())
    assert found.index_bytes == sum(path.stat().st_size for path in (store / "index").iterdir())
    assert found.list_bytes == sum((store / name).stat().st_size for name in ("videos.jsonl", "skipped.csv"))
    # what numpy saves: 128 bytes an array; V+1 starts of 8 bytes three times, a shard of 8, two sides of 4 bytes ...
    assert found.index_bytes == 11 * 128 + 3 * 4 * 8 + 3 * 8 + 2 * 3 * 4 + 2 * 5 * 8 + 9 * (8 + 4 + 4)


def test_the_verbs(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    assert main(["store", "verify", str(store)]) == 0
    assert "16 files, " in capsys.readouterr().out
    assert main(["store", "info", str(store)]) == 0
    shown = capsys.readouterr().out
    assert "skipped: corrupt" in shown and "hours of video" in shown
    assert main(["store", "info", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["skipped"] == {"corrupt": 2, "timeout": 1}
    words = [
        "store",
        "split",
        str(store),
        "--share",
        "0.5",
        "--out",
        str(tmp_path / "a"),
        "--rest",
        str(tmp_path / "b"),
    ]
    assert main(words) == 0
    assert main(["store", "merge", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "c")]) == 0
    assert capsys.readouterr().out.count(" 3 videos, 5 shots, 9 frames, 3 skipped inputs".strip()) == 1
    assert main(["store", "split", str(store), "--out", str(tmp_path / "d")]) == 2
    assert "give either --share or --videos" in capsys.readouterr().err


def test_the_verb_names_what_is_damaged(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = store / "shards" / "shard-000000.tar"
    data = shard.read_bytes()
    at = [data.index(frame) for frame in frames_of("a.mp4", 4)]
    for number in (0, 1, 3):
        change(shard, at[number])
    assert main(["store", "verify", str(store)]) == 2
    out, err = capsys.readouterr()
    assert "shard-000000.tar does not have the recorded sha256: costs 3 frames of 1 videos" in out
    assert "video 0 (a.mp4): frames 0-1, 3 of 4" in out
    assert "1 files of" in err and "are wrong" in err

"""Ingest: every input is accounted for, nothing ends the run, and the store is what decoding alone would give."""

import csv
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import simplejpeg
from tests.reference.tiny_videos import film as film_of_frames

from vivi.core.errors import ConfigError, StoreError, ViviError
from vivi.data.store import ShotStore
from vivi.data.store.format import video_key
from vivi.video.decode import sample_frames
from vivi.video.ingest import IngestSettings, IngestSummary, Progress, ingest
from vivi.video.shots import FixedWindows, KnownCuts, WholeVideo

SETTINGS = IngestSettings(fps=2.0, short_side=32, shots=FixedWindows(seconds=2.0))


def film(path: Path, *, seconds: int = 4, **form: Any) -> Path:
    return film_of_frames(path, frames=8 * seconds, rate=8, **form)


def sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        for _ in range(20):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def run(sources: Path | list[Path], out: Path, settings: IngestSettings = SETTINGS, **options: Any) -> IngestSummary:
    options = {"workers": 1} | options
    return ingest(sources if isinstance(sources, list) else [sources], out=out, settings=settings, **options)


def skipped(out: Path) -> dict[str, str]:
    with (out / "skipped.csv").open(newline="") as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def stored(out: Path) -> list[str]:
    return [json.loads(line)["path"] for line in (out / "videos.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    film(folder / "a" / "clip.mp4", seed=1)
    film(folder / "b" / "clip.mp4", seed=2, seconds=6)
    film(folder / "wide.mkv", seed=3, size=(96, 48), codec="mpeg4")
    return folder


def test_the_store_holds_the_frames_that_decoding_gives(videos: Path, tmp_path: Path) -> None:
    summary = run(videos, tmp_path / "store")
    store = ShotStore.open(tmp_path / "store")
    store.verify()
    assert stored(tmp_path / "store") == ["a/clip.mp4", "b/clip.mp4", "wide.mkv"]
    for video, path in enumerate(stored(tmp_path / "store")):
        decoded = [frame.image_HWC for frame in sample_frames(videos / path, fps=2.0, short_side=32)]
        encoded = [simplejpeg.encode_jpeg(image, quality=90, colorsubsampling="420") for image in decoded]
        assert store.read_frames(video, first=0, count=len(encoded)) == encoded
        assert store.num_frames(video) == len(encoded)
        assert store.frame_size(video) == decoded[0].shape[:2]
        assert sum(shot.length for shot in store.table.shots(video)) == len(encoded)
    assert (summary.videos, summary.frames, summary.shots) == (3, 28, 7)
    assert summary.minutes == pytest.approx(14 / 60)
    assert summary.remaining == ((2, 8, 0), (4, 8, 0), (2, 4, 3), (4, 4, 0))
    assert summary.shots_per_video == pytest.approx(7 / 3)
    assert store.info.settings["shots"]["seconds"] == 2.0


def test_every_input_is_stored_or_listed_with_its_reason(tmp_path: Path) -> None:
    root = tmp_path / "source"
    good = ["upper.MP4", "no extension", "deep/er/clip.webm", "-rf.mp4", "per%s cent 'quotes\".mkv", "Ünïcode 日本.avi"]
    for seed, name in enumerate(good):
        codec = {".webm": "libvpx", ".avi": "mpeg4"}.get(Path(name).suffix, "libx264")
        film(root / name, seed=seed, seconds=2, codec=codec)
    film(root / "new\nline.mp4", seconds=2)
    film(tmp_path / "plain.mkv", seconds=2).rename(root / os.fsdecode(b"bytes\xff.mkv"))
    (root / "empty.mp4").touch()
    (root / "lies.mp4").write_text("this is no video at all\n" * 50)
    (root / "notes.TXT").write_text("notes")
    (root / ".hidden.tmp").write_bytes(b"\0" * 100)
    sound(root / "sound.mp4")
    whole = film(tmp_path / "whole.mkv", seconds=8).read_bytes()
    (root / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    film(tmp_path / "elsewhere.mp4")
    (root / "out.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    (root / "in.mp4").symlink_to(root / "upper.MP4")
    (root / "loop").symlink_to(root)
    (root / "knot.mp4").symlink_to(root / "knot.mp4")
    os.mkfifo(root / "pipe.mp4")
    names: list[Progress] = []
    summary = run(root, tmp_path / "store", workers=2, progress=names.append)
    expected = {
        ".hidden.tmp": "not a video",
        "cut.mkv": "truncated",
        "empty.mp4": "empty",
        "in.mp4": "link",
        "knot.mp4": "broken link",
        "lies.mp4": "not a video",
        "loop": "link",
        "notes.TXT": "not a video",
        "out.mp4": "outside the folder",
        "pipe.mp4": "not a regular file",
        "sound.mp4": "no video stream",
    }
    assert skipped(tmp_path / "store") == expected
    assert stored(tmp_path / "store") == sorted([*good, r"bytes\udcff.mkv", r"new\nline.mp4"])
    entries = [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]
    assert summary.videos + sum(count for _, count in summary.skipped) == len(entries) == len(expected) + 8
    assert dict(summary.skipped)["not a video"] == 3
    assert names[0] == Progress(total=13, before=0)
    assert (names[-1].done, names[-1].stored, names[-1].skipped, names[-1].frames) == (13, 8, 5, 32)
    ShotStore.open(tmp_path / "store").verify()
    assert ShotStore.open(tmp_path / "store").info.num_skipped == len(expected)


def test_a_named_file_is_tried_whatever_its_extension(tmp_path: Path) -> None:
    film(tmp_path / "film.txt")
    with pytest.raises(ViviError, match="none of the inputs is a usable video"):
        run(tmp_path, tmp_path / "none")
    (tmp_path / "link.txt").symlink_to(tmp_path / "film.txt")
    assert run(tmp_path / "link.txt", tmp_path / "store").videos == 1
    assert stored(tmp_path / "store") == ["film.txt"]


def test_the_same_relative_path_in_two_sources_is_two_videos(videos: Path, tmp_path: Path) -> None:
    film(tmp_path / "other" / "a" / "clip.mp4", seed=7)
    sources = [videos / "a", tmp_path / "other" / "a", videos / "wide.mkv"]
    run(sources, tmp_path / "store")
    parent = videos.name
    assert sorted(stored(tmp_path / "store")) == sorted(
        ["other/a/clip.mp4", f"{parent}/a/clip.mp4", f"{parent}/wide.mkv"]
    )
    run([videos / "a", videos / "b"], tmp_path / "names")
    assert stored(tmp_path / "names") == ["a/clip.mp4", "b/clip.mp4"]
    with pytest.raises(ConfigError, match="lies inside source"):
        run([videos, videos / "a"], tmp_path / "never")
    with pytest.raises(ConfigError, match="lies inside source"):
        run([videos / "a", videos / "a"], tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_the_store_may_lie_in_the_source(tmp_path: Path) -> None:
    film(tmp_path / "clip.mp4")
    assert run(tmp_path, tmp_path / "sub" / "store").skipped == ()
    assert run(tmp_path, tmp_path / "sub" / "store").was_complete


def test_a_finished_store_is_left_alone(videos: Path, tmp_path: Path) -> None:
    first = run(videos, tmp_path / "store")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*") if path.is_file()}
    (tmp_path / "store" / ".work" / "parts").mkdir(parents=True)  # killed while it tidied up
    (tmp_path / "store" / ".work" / "job.json").touch()
    assert run(videos, tmp_path / "store") == dataclasses.replace(first, was_complete=True)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_or_sources_are_refused(finished: bool, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "store"
    film(source / "one.mp4")
    (source / "notes.txt").touch()
    if finished:
        run(source, out)
    else:
        with pytest.raises(KeyboardInterrupt):
            run(source, out, progress=_interrupt)
    with pytest.raises(
        StoreError, match=r"other settings \(fps: 2.0 -> 3.0; shots.seconds: 2.0 -> 5.0\).*another --out"
    ):
        run(source, out, dataclasses.replace(SETTINGS, fps=3.0, shots=FixedWindows(seconds=5.0)))
    film(source / "two.mp4")
    with pytest.raises(StoreError, match=r"other sources \(new: 'two.mp4'\)") as caught:
        run(source, out)
    assert ("vivi store merge joins both" in str(caught.value)) is finished
    (source / "two.mp4").unlink()
    (source / "notes.txt").rename(source / "more.txt")
    with pytest.raises(StoreError, match=r"\(gone: 'notes.txt'; new: 'more.txt'\)"):
        run(source, out)
    (source / "more.txt").rename(source / "notes.txt")
    film(source / "one.mp4", seconds=5)
    with pytest.raises(StoreError, match=r"\(changed: 'one.mp4'\)"):
        run(source, out)


def _interrupt(progress: Progress) -> None:
    raise KeyboardInterrupt


def test_after_an_interruption_the_same_call_goes_on(videos: Path, tmp_path: Path) -> None:
    def interrupt_second(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(videos, tmp_path / "store", progress=interrupt_second)
    with pytest.raises(StoreError, match="broken off here; run the same vivi ingest command again"):
        ShotStore.open(tmp_path / "store")
    seen: list[Progress] = []
    assert run(videos, tmp_path / "store", progress=seen.append).videos == 3
    assert (seen[0].before, seen[-1].stored) == (2, 1)


def test_an_out_folder_that_is_something_else_is_refused(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(
        StoreError, match=r"full is not empty and not a store \(it holds 'thesis.tex'\): name a new folder"
    ):
        run(videos, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    with pytest.raises(StoreError, match="is a file: name a folder"):
        run(videos, videos / "wide.mkv")


def test_what_gives_no_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(ViviError, match=r"cannot read source '.*missing' \(No such file or directory\)"):
        run(tmp_path / "missing", tmp_path / "store")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ViviError, match=r"no files in .*empty: name video files or folders"):
        run(tmp_path / "empty", tmp_path / "store")
    with pytest.raises(ConfigError, match="no source given"):
        run([], tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_without_a_usable_video_the_reasons_are_listed_and_new_sources_are_welcome(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "store"
    source.mkdir()
    (source / "broken.mp4").write_bytes(b"broken")
    for _ in range(2):
        with pytest.raises(ViviError, match=r"none of the inputs is a usable video: .*skipped.csv says why"):
            run(source, out)
        assert skipped(out) == {"broken.mp4": "not a video"}
    film(source / "good.mp4")
    assert run(source, out).videos == 1


def test_known_cuts_reach_the_store_and_videos_without_any_are_listed(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "cuts.csv").write_text("path,seconds\na/clip.mp4,1\nb/clip.mp4,\n")
    settings = dataclasses.replace(SETTINGS, shots=KnownCuts(file=str(tmp_path / "cuts.csv")))
    run(videos, tmp_path / "store", settings)
    table = ShotStore.open(tmp_path / "store").table
    assert [[shot.length for shot in table.shots(video)] for video in range(2)] == [[2, 6], [12]]
    assert skipped(tmp_path / "store") == {"wide.mkv": "no known cuts"}


def test_known_cuts_that_change_on_the_way_end_the_run_which_goes_on_later(videos: Path, tmp_path: Path) -> None:
    cuts, text = tmp_path / "cuts.csv", "path,seconds\na/clip.mp4,1\nb/clip.mp4,\nwide.mkv,\n"
    cuts.write_text(text)
    shots = KnownCuts(file=str(cuts), sha256=hashlib.sha256(text.encode()).hexdigest())
    settings = dataclasses.replace(SETTINGS, shots=shots)
    for other in (f"{text}more.mp4,\n", None):

        def change(_: Progress, other: str | None = other) -> None:
            cuts.unlink(missing_ok=True) if other is None else cuts.write_text(other)

        with pytest.raises(ViviError, match=r"cuts.csv has changed since|cannot read .*cuts.csv"):
            run(videos, tmp_path / "store", settings, progress=change)
        cuts.write_text(text)
    assert run(videos, tmp_path / "store", settings).videos == 3
    assert skipped(tmp_path / "store") == {}


def test_two_runs_on_one_folder_do_not_mix(videos: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    def try_again(progress: Progress) -> None:
        with pytest.raises(ViviError) as caught:
            run(videos, tmp_path / "store")
        refused.append(str(caught.value))

    run(videos, tmp_path / "store", progress=try_again)
    assert len(refused) == 4
    assert f"in use by process {os.getpid()}" in refused[0]
    assert not (tmp_path / "store" / ".lock").exists()


def test_workers_do_not_wait_for_torch() -> None:
    code = "import sys, vivi.video.part; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_whole_videos_and_names_of_members(videos: Path, tmp_path: Path) -> None:
    run(videos, tmp_path / "store", dataclasses.replace(SETTINGS, shots=WholeVideo(), quality=50))
    store = ShotStore.open(tmp_path / "store")
    assert [len(store.table.shots(video)) for video in range(3)] == [1, 1, 1]
    assert store.describe(0)["key"] == video_key("a/clip.mp4")


@pytest.mark.real
def test_real_videos(tmp_path: Path) -> None:
    root = Path(os.environ.get("VIVI_REAL_DATA", "")) / "videos"
    if not os.environ.get("VIVI_REAL_DATA"):
        pytest.skip("VIVI_REAL_DATA is not set")
    files = sorted(path for path in root.rglob("*.mp4") if path.stat().st_size < 500_000)[:6]
    summary = run(files, tmp_path / "store", IngestSettings(fps=2.0), workers=2)
    assert summary.videos + sum(count for _, count in summary.skipped) == 6
    assert summary.videos >= 5
    ShotStore.open(tmp_path / "store").verify()

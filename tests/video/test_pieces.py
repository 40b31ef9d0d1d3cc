"""A video in pieces: bit for bit what decoding it in one go gives, or not at all."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.reference.tiny_videos import film

from vivi.core.files import sha256_file
from vivi.core.work import Outcome, Unit, run_units
from vivi.video import assembly
from vivi.video.container import FileState
from vivi.video.decode import sample_frames
from vivi.video.encoding import Seen, encoded
from vivi.video.ingest import IngestSettings, ingest
from vivi.video.pieces import PIECE_SECONDS, IndivisibleError, PieceFrames, Pieces, spans_of
from vivi.video.shots import HistogramShots, WholeVideo

X264 = {"threads": "1"}
X265 = "pools=1:log-level=none"
ENCODINGS = {
    "h264.mp4": ("libx264", X264 | {"g": "30"}),
    "h264-open-gop.mp4": ("libx264", X264 | {"x264-params": "open-gop=1:keyint=30:bframes=3"}),
    "h264-open-gop.mkv": ("libx264", X264 | {"x264-params": "open-gop=1:keyint=22:bframes=5:b-pyramid=normal"}),
    "h264-one-gop.mkv": ("libx264", X264 | {"g": "1000"}),
    "hevc-open-gop.mkv": ("libx265", {"x265-params": f"keyint=25:open-gop=1:bframes=4:{X265}"}),
    "vp9.webm": ("libvpx-vp9", {"g": "40", "deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1"}),
    "mpeg4.mp4": ("mpeg4", {"g": "12", "bf": "2"}),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_pieces_have_the_frames_of_the_whole(name: str, tmp_path: Path) -> None:
    codec, options = ENCODINGS[name]
    path = film(tmp_path / name, frames=160, codec=codec, options=options)
    frames = sample_frames(path, fps=3, short_side=32)
    whole = list(sample_frames(path, fps=3, short_side=32, decode_all=True))
    spans = spans_of(frames, most=7, seconds=1)
    assert [spans[0][0], spans[-1][1], len(spans)] == [0, len(whole), 7]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    pieces = [frame for span in spans for frame in PieceFrames(frames, span)]
    assert [frame.seconds for frame in pieces] == [frame.seconds for frame in whole]
    assert all(np.array_equal(a.image_HWC, b.image_HWC) for a, b in zip(pieces, whole, strict=True))


def test_what_is_short_or_decoded_whole_has_no_pieces(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mp4", frames=48)
    frames = sample_frames(path, fps=2, short_side=32)
    assert spans_of(frames, most=4) == [] == spans_of(frames, most=1, seconds=1) == spans_of(frames, most=0, seconds=1)
    assert spans_of(frames, most=4, seconds=2) == [(0, 4), (4, 8), (8, 12)]
    assert spans_of(frames, most=4, seconds=0.01) == [(0, 3), (3, 6), (6, 9), (9, 12)]
    avi = film(tmp_path / "clip.avi", frames=48, codec="mpeg4")
    assert spans_of(sample_frames(avi, fps=2, short_side=32), most=4, seconds=1) == []
    assert spans_of(iter(frames), most=4, seconds=1) == []
    assert PIECE_SECONDS == 300


@pytest.mark.parametrize("shots", [HistogramShots(), WholeVideo()])
def test_what_is_remembered_of_frames_comes_back(shots: Any, tmp_path: Path) -> None:
    frames = sample_frames(film(tmp_path / "clip.mp4", frames=40), fps=4, short_side=32)
    spans, pieces = [(0, 7), (7, 12), (12, 20)], Pieces(tmp_path, "key")
    for span in spans:
        piece, seen = PieceFrames(frames, span), Seen()
        pieces.write(span, encoded(piece, quality=80, shots=shots, seen=seen), seen=seen, frames=piece)
        assert pieces.is_there(span)
    ours, theirs = Seen(), Seen()
    jpegs = list(pieces.read(spans, seen=ours, frames=frames))
    assert jpegs == list(encoded(frames, quality=80, shots=shots, seen=theirs))
    assert (ours.seconds, ours.height, ours.width) == (theirs.seconds, theirs.height, theirs.width)
    assert len(ours.signatures) == len(theirs.signatures) == 20
    for a, b in zip(ours.signatures, theirs.signatures, strict=True):
        assert (a is None) == (b is None) == isinstance(shots, WholeVideo)
        if a is not None and b is not None:
            assert a.bins_B.dtype == b.bins_B.dtype and np.array_equal(a.bins_B, b.bins_B)
            assert a.shares_B.dtype == b.shares_B.dtype and np.array_equal(a.shares_B, b.shares_B)


def test_pieces_of_another_size_do_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, shots = Pieces(tmp_path, "key"), HistogramShots()
    for span, size in (((0, 4), (64, 48)), ((4, 8), (80, 48))):
        path = film(tmp_path / f"{size[0]}.mp4", size=size, frames=32)
        frames = dataclasses.replace(sample_frames(path, fps=2, short_side=32), state=FileState(0, 0, 0, 0))
        piece, seen = PieceFrames(frames, span), Seen()
        monkeypatch.setattr("vivi.video.pieces.check_unchanged", lambda *_, **__: None)
        pieces.write(span, encoded(piece, quality=80, shots=shots, seen=seen), seen=seen, frames=piece)
    assert len(list(pieces.read([(4, 8)], seen=Seen(), frames=frames))) == 4
    with pytest.raises(IndivisibleError):
        pieces.read([(0, 4), (4, 8)], seen=Seen(), frames=frames)


def test_pieces_of_a_file_that_was_changed_between_do_not_do(tmp_path: Path) -> None:
    pieces, shots = Pieces(tmp_path, "key"), WholeVideo()
    path = film(tmp_path / "a.mp4", frames=32)
    for number, span in enumerate(((0, 4), (4, 8))):
        os.utime(path, ns=(number, number))
        piece, seen = PieceFrames(sample_frames(path, fps=2, short_side=32), span), Seen()
        pieces.write(span, encoded(piece, quality=80, shots=shots, seen=seen), seen=seen, frames=piece)
    now = sample_frames(path, fps=2, short_side=32)
    assert len(list(pieces.read([(4, 8)], seen=Seen(), frames=now))) == 4
    for spans in ([(0, 4), (4, 8)], [(0, 4)]):
        with pytest.raises(IndivisibleError):
            pieces.read(spans, seen=Seen(), frames=now)


def test_too_many_pixels_are_left_to_the_whole_to_refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, shots = Pieces(tmp_path, "key"), WholeVideo()
    frames = sample_frames(film(tmp_path / "a.mp4", frames=32), fps=2, short_side=48)
    piece, seen = PieceFrames(frames, (0, 8)), Seen()
    pieces.write((0, 8), encoded(piece, quality=80, shots=shots, seen=seen), seen=seen, frames=piece)
    monkeypatch.setattr("vivi.video.pieces.MAX_OUTPUT_PIXELS", 8 * 64 * 48 - 1)
    with pytest.raises(IndivisibleError):
        pieces.read([(0, 8)], seen=Seen(), frames=frames)
    monkeypatch.setattr("vivi.video.pieces.MAX_OUTPUT_PIXELS", 8 * 64 * 48)
    assert len(list(pieces.read([(0, 8)], seen=Seen(), frames=frames))) == 8
    monkeypatch.setattr("vivi.video.pieces.MAX_FRAMES", 7)
    assert spans_of(frames, most=2, seconds=1) == []


def test_a_plan_that_does_not_hold_is_no_piece(tmp_path: Path) -> None:
    path = film(tmp_path / "clip.mkv", frames=64, codec="mpeg4", options={"g": "8"})
    frames = sample_frames(path, fps=2, short_side=32)
    other = film(tmp_path / "other.mkv", frames=40, codec="mpeg4", options={"g": "8"})
    other.replace(path)
    with pytest.raises(IndivisibleError):
        list(PieceFrames(frames, (4, 16)))


def tree(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): sha256_file(path) for path in out.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    film(folder / "a long one.mp4", frames=200, options=X264 | {"g": "24"})
    film(folder / "long, decoded whole.avi", frames=160, codec="mpeg4", seed=1)
    film(folder / "short.mp4", frames=24, seed=2)
    broken = film(folder / "z broken.mkv", frames=200, codec="mpeg4", seed=3, options={"g": "8"})
    data = bytearray(broken.read_bytes())
    data[len(data) * 2 // 3 : len(data) * 2 // 3 + 3000] = bytes(3000)
    broken.write_bytes(data)
    return folder


def test_a_store_of_pieces_has_the_bytes_of_one_without(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def spying(
        function: Callable[[Any], Any], *, units: Iterable[Unit | None], workers: int, memory: int | None
    ) -> Iterator[Outcome]:
        for outcome in run_units(function, units=units, workers=workers, memory=memory):
            names.append(outcome.unit.name)
            yield outcome

    settings = IngestSettings(fps=2.0, short_side=32)
    ingest([source], out=tmp_path / "whole", settings=settings, workers=1)
    monkeypatch.setattr(assembly, "PIECE_SECONDS", 4.0)
    ingest([source], out=tmp_path / "pieces", settings=settings, workers=2, engine=spying)
    assert tree(tmp_path / "pieces") == tree(tmp_path / "whole")
    assert [name for name in names if name.startswith("short")] == ["short.mp4"]
    long = [name for name in names if name.startswith("a long one.mp4")]
    assert len(long) == 6 and long[0] == "a long one.mp4" and long[-1] == "a long one.mp4 join"
    assert sorted(long[1:5])[0] == "a long one.mp4 piece 0-12"
    # a broken one is judged in one go, after a piece of it has failed
    assert [name for name in names if name.startswith("z ")][-1] == "z broken.mkv whole"
    assert "z broken.mkv,corrupt,damaged picture at" in (tmp_path / "whole" / "skipped.csv").read_text()


def test_pieces_that_a_broken_run_has_left_are_used(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "PIECE_SECONDS", 4.0)
    settings, out = IngestSettings(fps=2.0, short_side=32), tmp_path / "store"

    def broken(*arguments: Any, **options: Any) -> Iterator[Outcome]:
        for outcome in run_units(*arguments, **options):
            if " piece " in outcome.unit.name:
                raise KeyboardInterrupt
            yield outcome

    with pytest.raises(KeyboardInterrupt):
        ingest([source / "a long one.mp4"], out=out, settings=settings, workers=2, engine=broken)
    left = {path.name: path.stat().st_mtime_ns for path in (out / ".work" / "pieces").rglob("*.npz")}
    assert left

    def watching(*arguments: Any, **options: Any) -> Iterator[Outcome]:
        for outcome in run_units(*arguments, **options):
            there = {path.name: path.stat().st_mtime_ns for path in (out / ".work" / "pieces").rglob("*.npz")}
            assert outcome.unit.name.endswith("join") or left.items() <= there.items()
            yield outcome
        assert not list((out / ".work" / "pieces").rglob("*.npz"))

    ingest([source / "a long one.mp4"], out=out, settings=settings, workers=2, engine=watching)
    ingest([source / "a long one.mp4"], out=tmp_path / "whole", settings=settings, workers=1)
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.parametrize("point", ["before-rename:0-12.frames", "before-rename:12-25.npz"])
def test_a_piece_that_kills_its_process_is_done_in_one_go(
    point: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "PIECE_SECONDS", 4.0)
    settings = IngestSettings(fps=2.0, short_side=32)
    ingest([source / "a long one.mp4"], out=tmp_path / "whole", settings=settings, workers=1)
    monkeypatch.setenv("VIVI_CRASH_AT", point)
    ingest([source / "a long one.mp4"], out=tmp_path / "pieces", settings=settings, workers=2)
    assert tree(tmp_path / "pieces") == tree(tmp_path / "whole")

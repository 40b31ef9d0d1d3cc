"""Embeddings of videos and stores: which rows there are, and what stands in them."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
import torch
from tests.reference.tiny_films import write_film
from tests.reference.tiny_store import FRAMES, SHOTS, VIDEOS, tiny_store  # noqa: F401 (a fixture)

from vivi.core.errors import ViviError
from vivi.data.store import ShotStore
from vivi.nn.export import load_encoder
from vivi.probe import encode
from vivi.transfer.embed import embed
from vivi.video.decode import sample_frames

RED, GREEN, BLUE = (210, 40, 40), (40, 210, 40), (40, 40, 210)


def opened(out: Path) -> dict[str, np.ndarray]:
    with np.load(out, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def features(encoder: Path, images_HWC: list[np.ndarray]) -> np.ndarray:
    """One image at a time, squashed by OpenCV to the encoder's 24 pixels."""
    squashed = [torch.from_numpy(cv2.resize(each, (24, 24))).permute(2, 0, 1)[None] for each in images_HWC]
    return torch.cat([encode(load_encoder(encoder), each) for each in squashed]).numpy()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    write_film(tmp_path / "films" / "a.mp4", colours=[RED, GREEN, BLUE])
    write_film(tmp_path / "films" / "deep" / "b.MP4", colours=[BLUE])
    return tmp_path / "films"


def test_every_frame_of_a_store(tmp_path: Path, encoder_folder: Path, tiny_store: Path) -> None:  # noqa: F811
    seen: list[tuple[int, int]] = []
    out = tmp_path / "frames.npz"
    summary = embed(encoder_folder, store=tiny_store, out=out, batch=50, progress=lambda *each: seen.append(each))
    rows = opened(out)
    assert (summary.rows, summary.inputs, summary.unit) == (VIDEOS * SHOTS * FRAMES, VIDEOS, "videos")
    assert seen[-1] == (VIDEOS, VIDEOS)
    assert rows["frame"].tolist() == [*range(SHOTS * FRAMES)] * VIDEOS
    assert rows["shot"].tolist() == [frame // FRAMES for frame in range(SHOTS * FRAMES)] * VIDEOS
    store = ShotStore.open(tiny_store)
    assert list(dict.fromkeys(rows["path"].tolist())) == [store.video_path(video) for video in range(VIDEOS)]
    stored = store.read_frames(3, first=2, count=9)
    expected = features(encoder_folder, [simplejpeg.decode_jpeg(each, colorspace="RGB") for each in stored])
    first = 3 * SHOTS * FRAMES + 2
    np.testing.assert_allclose(rows["embedding"][first : first + 9], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"per": "scene"}, "per is 'scene': legal"),
        ({"fps": 0.0}, "vivi embed: fps: Input should be greater than 0, got 0.0"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_written(
    tmp_path: Path, encoder_folder: Path, films: Path, values: dict[str, object], told: str
) -> None:
    with pytest.raises(ViviError, match=told):
        embed(encoder_folder, videos=(films,), out=tmp_path / "e.npz", **values)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("e.npz*"))


def test_rows_of_shots_and_videos_are_means_of_frames(
    tmp_path: Path,
    encoder_folder: Path,
    tiny_store: Path,  # noqa: F811
) -> None:
    frames, shots, videos = (tmp_path / f"{per}.npz" for per in ("frame", "shot", "video"))
    for per, out in (("frame", frames), ("shot", shots), ("video", videos)):
        embed(encoder_folder, store=tiny_store, out=out, per=per)  # type: ignore[arg-type]
    each = opened(frames)["embedding"].reshape(VIDEOS, SHOTS, FRAMES, -1)
    of_shots, of_videos = opened(shots), opened(videos)
    np.testing.assert_allclose(of_shots["embedding"], each.mean(2).reshape(VIDEOS * SHOTS, -1), atol=1e-6)
    np.testing.assert_allclose(of_videos["embedding"], each.mean((1, 2)), atol=1e-6)
    assert of_shots["first"].tolist() == [0, 6, 12, 18] * VIDEOS
    assert set(of_shots["frames"].tolist()) == {FRAMES} and set(of_videos["frames"].tolist()) == {SHOTS * FRAMES}


def test_videos_are_decoded_as_ingest_does(tmp_path: Path, encoder_folder: Path, films: Path) -> None:
    out = tmp_path / "frames.npz"
    summary = embed(encoder_folder, videos=(films,), out=out, batch=7)
    rows = opened(out)
    sampled = list(sample_frames(films / "a.mp4", fps=1.0, short_side=256))
    assert rows["path"].tolist() == ["a.mp4"] * 12 + ["deep/b.MP4"] * 4
    assert rows["seconds"][:12].tolist() == [second for second, _ in sampled] == [*map(float, range(12))]
    assert rows["shot"].tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0] * 4
    expected = features(encoder_folder, [image_HWC for _, image_HWC in sampled])
    np.testing.assert_allclose(rows["embedding"][:12], expected, rtol=1e-4, atol=1e-5)
    assert (summary.rows, summary.inputs, summary.skipped) == (16, 2, 0)


def test_half_the_rate_gives_half_the_frames(tmp_path: Path, encoder_folder: Path, films: Path) -> None:
    summary = embed(encoder_folder, videos=(films / "a.mp4",), fps=0.5, per="shot", out=tmp_path / "shots.npz")
    assert summary.rows == 3 and opened(tmp_path / "shots.npz")["frames"].tolist() == [2, 2, 2]


def test_broken_videos_are_counted_and_named(tmp_path: Path, encoder_folder: Path, films: Path) -> None:
    whole = (films / "a.mp4").read_bytes()
    (films / "c.mp4").write_bytes(whole[: len(whole) // 2])
    (films / "notes.txt").write_text("no video")
    out = tmp_path / "frames.npz"
    summary = embed(encoder_folder, videos=(films,), out=out)
    assert set(opened(out)["path"].tolist()) == {"a.mp4", "deep/b.MP4"}
    assert (summary.inputs, summary.skipped) == (2, 2)
    listed = list(csv.reader((tmp_path / "frames.npz.skipped.csv").read_text().splitlines()))
    assert [path for path, _ in listed] == ["path", "c.mp4", "notes.txt"]
    assert listed[2][1].startswith("not a video: ")
    for file in (films / "a.mp4", films / "deep" / "b.MP4"):
        file.write_bytes(b"nothing")
    with pytest.raises(ViviError, match=r"none of 3 videos can be read; the first, a.mp4: "):
        embed(encoder_folder, videos=(films,), out=tmp_path / "none.npz")
    assert not list(tmp_path.glob("none.npz*"))


def test_a_name_is_told_as_it_can_be_printed(tmp_path: Path, encoder_folder: Path) -> None:
    write_film(tmp_path / "films" / "line\nbreak\u202e.mp4", colours=[RED], seconds=1)
    embed(encoder_folder, videos=(tmp_path / "films",), out=tmp_path / "out.npy")
    assert (tmp_path / "out.npy.csv").read_text() == "path,frame,shot,seconds\nline\\nbreak\\u202e.mp4,0,0,0.0\n"

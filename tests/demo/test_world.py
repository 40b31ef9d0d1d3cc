"""The demo world: what it writes is real, what it says of itself is true, and the same seed gives the same world."""

import csv
import hashlib
from itertools import pairwise

import av
import numpy as np
import pytest

from vivi.data.images import ImageFolder
from vivi.demo.film import HEIGHT, RATE, WIDTH, film, frames, plan, scenes
from vivi.demo.shapes import KINDS, silhouette
from vivi.demo.stills import QUESTIONS, still, stills


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    out = tmp_path_factory.mktemp("world")
    return out, film(out / "videos", videos=4, seed=3)


def test_videos_decode_to_what_was_planned(world):
    out, films = world
    assert {path.suffix for path in (out / "videos").rglob("*[0-9].*")} == {".mp4", ".MP4", ".mkv", ".mov"}
    for each in films:
        with av.open(out / "videos" / each.path) as container:
            stream = container.streams.video[0]
            assert (stream.codec.name, stream.width, stream.height) == ("h264", WIDTH, HEIGHT)
            shown = [(float(frame.pts * frame.time_base), frame) for frame in container.decode(stream)]
        assert len(shown) == sum(each.shot_frames)
        np.testing.assert_allclose([time for time, _ in shown], np.arange(len(shown)) / RATE, atol=1e-6)


def test_encoded_pictures_are_the_drawn_ones(world):
    out, films = world
    with av.open(out / "videos" / films[1].path) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    drawn = list(frames(films[1], 1, seed=3))
    errors = [np.abs(a.astype(int) - b).mean() for a, b in zip(decoded, drawn, strict=True)]
    assert max(errors) < 12


def test_cuts_stand_where_the_picture_changes(world):
    out, films = world
    with (out / "cuts.csv").open(newline="") as file:
        rows = [(row["path"], float(row["seconds"])) for row in csv.DictReader(file)]
    assert rows == [(each.path, pytest.approx(seconds)) for each in films for seconds in each.cuts]
    for video, each in enumerate(films):
        pictures = [picture.astype(int) for picture in frames(each, video, seed=3)]
        changes = [np.abs(b - a).mean() for a, b in pairwise(pictures)]
        at = {round(seconds * RATE) - 1 for seconds in each.cuts}
        quiet = np.median([change for number, change in enumerate(changes) if number not in at])
        assert min(changes[number] for number in at) > 2 * quiet


def test_files_that_are_no_videos_stand_among_them(world):
    out, _ = world
    assert (out / "videos" / "broken" / "empty.mkv").stat().st_size == 0
    with pytest.raises(av.FFmpegError), av.open(out / "videos" / "broken" / "half.mp4"):
        pass


def test_the_same_seed_gives_the_same_bytes(world, tmp_path):
    def digests(folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [(path.relative_to(folder), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]

    out, _ = world
    film(tmp_path / "videos", videos=4, seed=3)
    assert digests(tmp_path) == digests(out)
    assert plan(0, seed=3) != plan(0, seed=4)


def test_shots_of_a_video_share_kind_and_number_and_not_their_pixels():
    each = plan(0, seed=0)
    shots = list(scenes(each, 0, seed=0))
    assert {len(shot.sprites_THW4) for shot in shots} == {each.count}
    sprites = [shot.sprites_THW4[0] for shot in shots]
    for sprite in sprites[1:]:
        np.testing.assert_array_equal(sprite[..., 3], sprites[0][..., 3])
        assert np.abs(sprite[..., :3] - sprites[0][..., :3]).mean() > 1


def test_kinds_and_counts_occur_about_equally_often():
    films = [plan(video, seed=0) for video in range(800)]
    for values, share in (([each.kind for each in films], 1 / 8), ([each.count for each in films], 1 / 4)):
        _, counts = np.unique(values, return_counts=True)
        assert np.abs(counts / len(films) - share).max() < 0.05


def test_silhouettes_differ_from_one_another():
    masks = [silhouette(kind, size=32) for kind in KINDS]
    overlaps = [np.minimum(a, b).sum() / np.maximum(a, b).sum() for i, a in enumerate(masks) for b in masks[:i]]
    assert max(overlaps) < 0.75
    assert all(0.15 < mask.mean() < 0.7 for mask in masks)


def test_stills_are_balanced_image_folders(tmp_path):
    for path, question in zip(stills(tmp_path / "stills", train=9, test=18, seed=0), QUESTIONS, strict=True):
        folder = ImageFolder.open(path)
        assert folder.classes == tuple(sorted(question.answers))
        for images in (folder.train, folder.test):
            assert len({sum(image.label == label for image in images) for label in range(len(folder.classes))}) == 1
        assert len(folder.test) >= 18
        pixels = [(path / image.path).read_bytes() for image in (*folder.train, *folder.test)]
        assert len(set(pixels)) == len(pixels)


def test_the_place_asked_for_is_the_place_drawn():
    where = next(question for question in QUESTIONS if question.name == "where")
    for answer, name in enumerate(where.answers):
        draw = np.random.default_rng(answer)
        x, y = where.content(draw, answer).centres_T2[0]
        row, column = ("top", "middle", "bottom")[int(y * 3)], ("left", "centre", "right")[int(x * 3)]
        assert name == f"{row}-{column}"


def test_train_and_test_are_drawn_apart():
    question = QUESTIONS[0]
    one, two = (still(question, 0, number=0, split=split, seed=0) for split in ("train", "test"))
    assert np.abs(one.astype(int) - two).mean() > 5

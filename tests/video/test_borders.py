"""Black borders: what is one, what is not, and frames without them."""

from pathlib import Path

import numpy as np
import pytest
from tests.reference.tiny_videos import film_of

from vivi.core.config import dump, load
from vivi.data.store import ShotStore
from vivi.video.borders import Borders, BorderSearch
from vivi.video.cropping import CroppedFrames, sample_within_borders
from vivi.video.decode import VideoFrames, sample_frames
from vivi.video.ingest import IngestSettings, ingest
from vivi.video.settings import CroppedSettings

SEARCH = BorderSearch()
SHARP = {"threads": "1", "crf": "12"}


def pictures(
    count: int = 5, *, height: int = 90, width: int = 160, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0
) -> list[np.ndarray]:
    """Noisy pictures with black borders, themselves a little noisy."""
    rng = np.random.default_rng(7)
    images = rng.integers(0, 12, (count, height, width, 3), dtype=np.uint8)
    inside = images[:, top : height - bottom, left : width - right]
    blocks = rng.integers(40, 250, (count, -(-height // 8), -(-width // 8), 3)).repeat(8, 1).repeat(8, 2)
    inside[:] = blocks[:, : inside.shape[1], : inside.shape[2]]
    return list(images)


@pytest.mark.parametrize(
    "borders",
    [
        {"top": 11, "bottom": 12},
        {"left": 20, "right": 20},
        {"top": 9, "bottom": 9, "left": 14, "right": 15},
        {"top": 8},
    ],
)
def test_borders_are_found_to_the_pixel(borders: dict[str, int]) -> None:
    sides = {"top": 0, "bottom": 0, "left": 0, "right": 0} | borders
    found = SEARCH.find(pictures(**borders))
    assert found == Borders(**sides, height=90, width=160)
    inside = (90 - sides["top"] - sides["bottom"]) * (160 - sides["left"] - sides["right"])
    assert found.share == pytest.approx(1 - inside / (90 * 160))


def test_what_is_no_border() -> None:
    assert SEARCH.find(pictures()) is None
    assert SEARCH.find([]) is None
    assert SEARCH.find(pictures(2, top=20, bottom=20)) is None, "two frames are no evidence"
    assert SEARCH.find([np.zeros((90, 160, 3), np.uint8)] * 9) is None, "nothing but black"
    assert SEARCH.find(pictures(top=1, left=2)) is None, "too narrow"


def test_a_logo_in_the_border_keeps_it() -> None:
    images = pictures(top=12, bottom=12)
    images[-1][2:8, 20:50] = 200
    assert SEARCH.find(images) == Borders(top=0, bottom=12, left=0, right=0, height=90, width=160)


def test_black_frames_do_not_matter() -> None:
    black = np.zeros((90, 160, 3), np.uint8)
    assert SEARCH.find([black, *pictures(top=12, bottom=12), black]) == SEARCH.find(pictures(top=12, bottom=12))


def test_somebody_before_a_black_curtain_is_no_border() -> None:
    images = [np.zeros((90, 160, 3), np.uint8) for _ in range(6)]
    rows, columns = np.mgrid[:90, :160]
    for number, image in enumerate(images):
        image[(rows - 45) ** 2 + (columns - 78 - number) ** 2 < 38**2] = 180
    assert SEARCH.find(images) is None


def test_frames_without_borders_have_the_short_side(tmp_path: Path) -> None:
    images = pictures(12, height=180, width=320, top=24, bottom=24)
    boxed = film_of(tmp_path / "boxed.mp4", images, rate=4, options=SHARP)
    found = sample_within_borders(boxed, fps=1.0, short_side=64, search=SEARCH)
    assert isinstance(found, CroppedFrames)
    frames = list(found)
    assert [frame.seconds for frame in frames] == [0.0, 1.0, 2.0]
    assert all(frame.image_HWC.shape[0] == 64 for frame in frames)
    # 320 x 130 inside, a pixel of each border's edge cut off too
    assert frames[0].image_HWC.shape[1] == pytest.approx(64 * 320 / 130, abs=4)
    assert min(frame.image_HWC[[0, -1]].mean() for frame in frames) > 60, "no border is left"
    whole = list(sample_within_borders(boxed, fps=1.0, short_side=None, search=SEARCH))
    assert whole[0].image_HWC.shape == (130, 320, 3)


def test_a_video_without_borders_is_left_as_it_is(tmp_path: Path) -> None:
    plain = film_of(tmp_path / "plain.mp4", pictures(12), rate=4, options=SHARP)
    found = sample_within_borders(plain, fps=2.0, short_side=48, search=SEARCH)
    assert isinstance(found, VideoFrames)
    expected = sample_frames(plain, fps=2.0, short_side=48)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.seconds == theirs.seconds
        np.testing.assert_array_equal(ours.image_HWC, theirs.image_HWC)


def test_small_videos_are_not_enlarged(tmp_path: Path) -> None:
    boxed = film_of(tmp_path / "boxed.mp4", pictures(12, left=30, right=30), rate=4, options=SHARP)
    (first, *_) = sample_within_borders(boxed, fps=1.0, short_side=256, search=SEARCH)
    assert first.image_HWC.shape[0] == 90
    assert first.image_HWC.shape[1] == pytest.approx(160 - 62, abs=2)


def test_cropping_is_part_of_the_settings(tmp_path: Path) -> None:
    film_of(tmp_path / "boxed.mp4", pictures(12, height=180, width=320, top=24, bottom=24), rate=4, options=SHARP)
    sizes = {}
    for settings in (IngestSettings(short_side=64), CroppedSettings(short_side=64)):
        assert load(dump(settings), IngestSettings) == settings
        name = type(settings).__name__
        ingest([tmp_path / "boxed.mp4"], out=tmp_path / name, settings=settings, workers=1)
        store = ShotStore.open(tmp_path / name)
        store.verify()
        sizes[name] = store.frame_size(0)
    assert sizes["IngestSettings"] == (64, 114)
    assert sizes["CroppedSettings"][0] == 64
    assert sizes["CroppedSettings"][1] > 150

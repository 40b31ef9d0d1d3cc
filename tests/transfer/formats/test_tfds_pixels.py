"""What TFDS does to pixels: sizes after scaling, and once through JPEG."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vivi.data.image_file import ImageError
from vivi.transfer.formats.tfds_pixels import read_as_stored, scaled


@pytest.mark.parametrize("factor", [0.3, 0.5, 1.0, 2.2])
@pytest.mark.parametrize(("height", "width"), [(7, 9), (40, 25)])
def test_sides_are_rounded_as_opencv_does(height: int, width: int, factor: float) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = scaled(pixels, factor=factor)
    np.testing.assert_array_equal(found, cv2.resize(pixels, None, fx=factor, fy=factor))
    assert abs(found.shape[0] - height * factor) <= 0.5


@pytest.mark.parametrize(("factor", "said"), [(0.01, "0 x 0"), (9_000, "90000 x 90000")])
def test_sizes_out_of_all_proportion_are_refused(factor: float, said: str) -> None:
    with pytest.raises(ValueError, match=rf"scaled by .* it would have {said} pixels"):
        scaled(np.zeros((10, 10, 3), np.uint8), factor=factor)


@pytest.mark.parametrize("quality", [30, 95])
def test_colours_and_quality_are_those_of_an_ordinary_jpeg(tmp_path: Path, quality: int) -> None:
    """Against Pillow's encoder, which the same library does the work for."""
    rows, columns = np.mgrid[0:60, 0:80]
    smooth = np.stack([rows * 4, columns * 3, 255 - rows * 2], -1).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.png")
    file = io.BytesIO()
    Image.fromarray(smooth).save(file, format="JPEG", quality=quality)
    expected = np.asarray(Image.open(file)).astype(float)
    found = read_as_stored(tmp_path / "a.png", process=lambda pixels_HWC: pixels_HWC, quality=quality)
    assert np.abs(found - expected).max() <= 2
    assert not np.array_equal(found, smooth)


def test_what_cannot_be_processed_names_the_file(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "a.png")

    def refuse(pixels_HWC: np.ndarray) -> np.ndarray:
        raise ValueError("no eye")

    with pytest.raises(ImageError, match=r"/a\.png: no eye; repair or remove this file"):
        read_as_stored(tmp_path / "a.png", process=refuse)
    with pytest.raises(ImageError, match=r"/a\.png: a side of 70000 pixels, a JPEG has at most 65500"):
        read_as_stored(tmp_path / "a.png", process=lambda _: np.zeros((1, 70_000, 3), np.uint8))

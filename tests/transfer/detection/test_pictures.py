"""Pixels have the size of their annotation, and every image is looked at before the training begins."""

import numpy as np
import pytest
from PIL import Image

from vivi.data.image_file import ImageError
from vivi.transfer.detection.pictures import check_headers, load_pixels, read_pixels
from vivi.transfer.detection.voc import read_list


def images(world):
    return read_list(world, "trainval").images


def checked(world):
    seen = []
    check_headers(images(world), progress=lambda *numbers: seen.append(numbers))
    return seen


def test_pixels_are_those_of_the_file(world):
    for image, pixels_HWC in zip(images(world), read_pixels(images(world)), strict=True):
        assert pixels_HWC.shape == (image.annotation.height, image.annotation.width, 3)
        assert np.abs(np.asarray(Image.open(image.file)).astype(int) - pixels_HWC).max() <= 2
    assert checked(world) == [(12, 12)]


def spoil(world, change):
    file = world / "JPEGImages" / "000001.jpg"
    change(file)
    return images(world)[1]


def turned(file):
    image = Image.open(file)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(file, exif=exif)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.write_bytes(b""), "empty file"),
        (lambda file: file.write_text("no image"), "not an image"),
        (lambda file: Image.new("RGB", (33, 44)).save(file), r"has 33 x 44 pixels, but \d+ x \d+ in .*000001\.xml"),
        (turned, "stored turned"),
    ],
)
def test_a_bad_image_is_named_before_and_while_it_is_used(own_world, change, said):
    bad = spoil(own_world, change)
    for use in (lambda: checked(own_world), lambda: load_pixels(bad), lambda: list(read_pixels(images(own_world)))):
        with pytest.raises(ImageError, match=rf"000001\.jpg: .*{said}") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_half_an_image_is_seen_when_it_is_read(own_world):
    bad = spoil(own_world, lambda file: file.write_bytes(file.read_bytes()[:700]))
    with pytest.raises(ImageError, match=r"000001\.jpg: damaged"):
        load_pixels(bad)

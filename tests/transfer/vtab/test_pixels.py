"""Examples to pixels: the sampling against its formula, order, and images that cannot be read."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image
from tests.reference.tiny_tasks import examples

from vivi.core.errors import ViviError
from vivi.transfer.vtab.image_sets import ResidentImages, StreamedImages, image_set
from vivi.transfer.vtab.pixels import Squash, in_order, named, read_ahead

CPU = torch.device("cpu")


def slow_squash(pixels_HWC: np.ndarray, size: int) -> np.ndarray:
    """TensorFlow 1: output d lies at d * (in / out); the last row and column are repeated."""
    height, width, channels = pixels_HWC.shape
    out = np.zeros((channels, size, size))
    for channel in range(channels):
        for y in range(size):
            for x in range(size):
                down, across = y * height / size, x * width / size
                top, left = int(down), int(across)
                bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
                a, b = down - top, across - left
                corners = pixels_HWC[[top, top, bottom, bottom], [left, right, left, right], channel].astype(float)
                out[channel, y, x] = corners @ np.array([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b])
    return out


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7), (20, 9), (33, 61), (1, 3)])
def test_the_sampling_is_that_of_tensorflow_1(height: int, width: int) -> None:
    pixels_HWC = picture(height, width)
    found = Squash(8)(pixels_HWC)
    assert found.shape == (3, 8, 8) and found.dtype == np.uint8
    assert np.abs(found - slow_squash(pixels_HWC, 8)).max() <= 0.51


def test_an_image_of_the_right_size_is_left_alone() -> None:
    assert np.array_equal(Squash(8)(picture(8, 8)), picture(8, 8).transpose(2, 0, 1))


def test_sides_that_opencv_does_not_take() -> None:
    pixels_HWC = picture(2, 40_000)
    assert np.abs(Squash(4)(pixels_HWC) - slow_squash(pixels_HWC, 4)).max() <= 0.51


def test_antialias_is_pillows_and_says_so() -> None:
    pixels_HWC = picture(40, 31)
    expected = np.asarray(Image.fromarray(pixels_HWC).resize((8, 8), Image.Resampling.BILINEAR))
    assert np.array_equal(Squash(8, antialias=True)(pixels_HWC), expected.transpose(2, 0, 1))
    assert "antialiased" in Squash(8, antialias=True).about and "no antialias" in Squash(8).about


def test_strided_pixels_are_taken_too() -> None:
    pixels_HWC = picture(12, 9)
    assert np.array_equal(Squash(8)(pixels_HWC[::-1]), Squash(8)(pixels_HWC[::-1].copy()))


def test_batches_come_in_order_and_name_what_is_broken() -> None:
    source = examples([0] * 7, bad=(2, 5))
    parts = list(read_ahead(source, in_order(7, batch=3), squash=Squash(8), threads=2))
    assert [part.positions_B.tolist() for part in parts] == [[0, 1], [3, 4], [6]]
    assert named(source, [each for part in parts for each in part.broken]) == [
        ("train/2.png", "damaged (for the test)"),
        ("train/5.png", "damaged (for the test)"),
    ]
    for part in parts:
        for at, image in zip(part.positions_B.tolist(), part.images_BCSS, strict=True):
            assert np.array_equal(image.numpy(), Squash(8)(source.read(at)))


def test_leaving_early_leaves_no_thread() -> None:
    before = threading.active_count()
    batches = read_ahead(examples([0] * 50), in_order(50, batch=2), squash=Squash(8), threads=3)
    next(batches)
    batches.close()
    assert threading.active_count() == before


def test_only_a_readers_own_errors_are_counted() -> None:
    source = examples([0, 1])
    faulty = type(source)(source.labels_N, read=lambda at: [][at], name=source.name)
    with pytest.raises(IndexError):
        list(read_ahead(faulty, in_order(2, batch=2), squash=Squash(8), threads=1))


def test_few_images_live_on_the_device_and_many_are_streamed() -> None:
    source = examples([0, 1, 2, 0, 1], bad=(1,))
    few = image_set(source, squash=Squash(8), threads=2, device=CPU)
    many = image_set(source, squash=Squash(8), threads=2, device=CPU, resident=4)
    assert isinstance(few, ResidentImages) and isinstance(many, StreamedImages)
    assert (few.count, few.total) == (4, 5) and many.total == 5
    ours, theirs = ([torch.cat(each) for each in zip(*images.once(batch=2), strict=True)] for images in (few, many))
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert ours[1].tolist() == [0, 2, 0, 1]
    assert few.unreadable == many.unreadable == [("train/1.png", "damaged (for the test)")]


def test_drawn_batches_hold_what_was_asked_for() -> None:
    source = examples([0, 1, 2, 0, 1])
    batches = [np.array([3, 3, 1]), np.array([0, 4, 2])]
    few, many = (image_set(source, squash=Squash(8), threads=2, device=CPU, resident=most) for most in (5, 0))
    for ours, theirs in zip(few.drawn(batches), many.drawn(batches), strict=True):
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])
    assert [labels.tolist() for _, labels in few.drawn(batches)] == [[0, 0, 1], [0, 1, 2]]


def test_in_a_streamed_batch_the_next_readable_image_takes_the_place_of_a_broken_one() -> None:
    source = examples([0, 1, 2, 0, 1, 2], bad=(1, 5))
    many = image_set(source, squash=Squash(8), threads=2, device=CPU, resident=0)
    ((images, labels),) = many.drawn([np.array([0, 1, 3, 4, 5])])
    assert labels.tolist() == [0, 0, 0, 1, 0]
    assert torch.equal(images[1], images[2]) and torch.equal(images[4], images[0])
    assert [name for name, _ in many.unreadable] == ["train/1.png", "train/5.png"]
    with pytest.raises(ViviError, match=r"no image of a batch of 2 can be read; the first, train/1.png: damaged"):
        list(many.drawn([np.array([1, 5])]))

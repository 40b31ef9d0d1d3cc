"""The crop sampler against TensorFlow's steps written as a loop, and the resize against its formula."""

import math
import random

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vivi.core.config import build, dump, load
from vivi.core.errors import ConfigError
from vivi.data.crop import Crop, Cropper, InceptionCrop

EXACT = int(cv2.__version__.split(".")[0]) >= 5


def slow_attempt(uniform: list[float], crop: InceptionCrop, height: int, width: int) -> tuple[int, ...] | None:
    """One attempt of TensorFlow's kernel, step by step; `aspect` and areas are 32-bit floats there."""
    aspect = np.float32(crop.min_aspect + uniform[0] * (crop.max_aspect - crop.min_aspect))
    least, most = np.float32(crop.min_area * height * width), np.float32(crop.max_area * height * width)
    low, high = round(float(np.sqrt(least / aspect))), round(float(np.sqrt(most / aspect)))
    while round(float(high * aspect)) > width:
        high -= 1
    high = min(high, height)
    low = min(low, high)
    h = low + int(uniform[1] * (high - low + 1))
    if h * round(float(h * aspect)) < least:
        h += 1
    if h * round(float(h * aspect)) > most:
        h -= 1
    w = round(float(h * aspect))
    if not (least <= h * w <= most and 0 < w <= width and 0 < h <= height):
        return None
    if h * w < crop.min_covered * height * width:
        return None
    top = int(uniform[2] * (height - h)) if h < height else 0
    left = int(uniform[3] * (width - w)) if w < width else 0
    return top, left, h, w


def slow_draw(uniform_A4: list[list[float]], crop: InceptionCrop, height: int, width: int) -> tuple[int, ...]:
    attempts = (slow_attempt(uniform, crop, height, width) for uniform in uniform_A4)
    return next((box for box in attempts if box), (0, 0, height, width))


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(2, 300),
    width=st.integers(2, 300),
    min_area=st.floats(0.02, 0.9),
    spread=st.sampled_from([0.0, 0.0005, 0.01, 0.1, 1.0]),
    attempts=st.sampled_from([1, 8, 9, 60]),
)
@example(height=151, width=167, min_area=0.5, spread=0.01, attempts=60)  # a tie that 64-bit floats decide otherwise
def test_the_sampler_takes_tensorflows_steps(height, width, min_area, spread, attempts):
    crop = InceptionCrop(min_area=min_area, max_area=min(min_area + spread, 1.0), attempts=attempts)
    uniform_4FA = np.random.default_rng(3).random((4, 20, attempts))
    drawn = crop.draw(np.random.default_rng(3), height=height, width=width, count=20)
    expected = [slow_draw(uniform.T.tolist(), crop, height, width) for uniform in uniform_4FA.swapaxes(0, 1)]
    assert [each[:4] for each in drawn] == expected


def largest_gap(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance of two samples."""
    at = np.union1d(ours, theirs)
    share = [np.searchsorted(np.sort(each), at, side="right") / len(each) for each in (ours, theirs)]
    return float(np.abs(share[0] - share[1]).max())


@pytest.mark.parametrize(("height", "width"), [(256, 456), (456, 256), (60, 61), (20, 90)])
def test_the_sampler_has_the_distribution_of_tensorflows(height, width):
    crop, rand, count = InceptionCrop(attempts=20), random.Random(0), 12_000
    drawn = crop.draw(np.random.default_rng(0), height=height, width=width, count=count)
    ours = np.array([each[:4] for each in drawn])
    theirs = np.array(
        [slow_draw([[rand.random() for _ in range(4)] for _ in range(20)], crop, height, width) for _ in range(count)]
    )
    limit = 1.95 * math.sqrt(2 / count)  # chance of a false alarm below 0.1 % for each figure
    for name, figure in {
        "top": lambda b: b[:, 0],
        "left": lambda b: b[:, 1],
        "height": lambda b: b[:, 2],
        "width": lambda b: b[:, 3],
        "area": lambda b: b[:, 2] * b[:, 3],
        "aspect": lambda b: b[:, 3] / b[:, 2],
    }.items():
        assert largest_gap(figure(ours), figure(theirs)) < limit, name


def test_areas_are_not_uniform_and_start_at_a_tenth():
    drawn = InceptionCrop().draw(np.random.default_rng(1), height=256, width=456, count=20_000)
    share = np.array([each.height * each.width for each in drawn]) / (256 * 456)
    aspect = np.array([each.width / each.height for each in drawn])
    assert 0.1 <= share.min() < 0.105
    assert share.max() <= 1
    assert (share < 0.3).mean() > 1.3 * (share > (share.max() - 0.2)).mean()
    assert 0.74 < aspect.min() < 0.76
    assert 1.32 < aspect.max() < 1.34
    assert abs(np.mean([each.flip for each in drawn]) - 0.5) < 0.02


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32))
def test_crops_lie_in_the_image_and_repeat(height, width, seed):
    crop = InceptionCrop(attempts=10)
    drawn = crop.draw(np.random.default_rng(seed), height=height, width=width, count=5)
    assert drawn == crop.draw(np.random.default_rng(seed), height=height, width=width, count=5)
    for each in drawn:
        assert 0 <= each.top <= each.bottom - 1 < height
        assert 0 <= each.left <= each.left + each.width - 1 < width
        assert each.height * each.width >= 0.1 * height * width - 1e-3
        assert each.bottom < height or each.top == 0, "TensorFlow excludes the lowest corner"


def test_the_whole_image_is_taken_when_no_crop_is_legal():
    drawn = InceptionCrop(attempts=5, flip=False).draw(np.random.default_rng(0), height=10, width=400, count=20)
    assert set(drawn) == {Crop(0, 0, 10, 400, False)}  # no aspect in 0.75-1.33 covers a tenth of a 1:40 strip


def slow_resize(image: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """TensorFlow 1's bilinear resize of the crop, pixel by pixel, then the flip."""
    view = image[crop.top : crop.bottom, crop.left : crop.left + crop.width, :3].astype(np.float64)
    result = np.zeros((3, size, size))
    for y in range(size):
        for x in range(size):
            at_y, at_x = y * crop.height / size, x * crop.width / size
            y0, x0 = int(at_y), int(at_x)
            y1, x1 = min(y0 + 1, crop.height - 1), min(x0 + 1, crop.width - 1)
            upper = view[y0, x0] + (view[y0, x1] - view[y0, x0]) * (at_x - x0)
            lower = view[y1, x0] + (view[y1, x1] - view[y1, x0]) * (at_x - x0)
            result[:, y, size - 1 - x if crop.flip else x] = upper + (lower - upper) * (at_y - y0)
    return result


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 70), st.integers(1, 70), st.integers(1, 40), st.booleans())
def test_resize_follows_the_formula(data, height, width, size, flip):
    image = np.random.default_rng(height * width).integers(0, 256, (70, 75, 4), dtype=np.uint8)
    crop = Crop(data.draw(st.integers(0, 70 - height)), data.draw(st.integers(0, 75 - width)), height, width, flip)
    out = np.full((3, size, size), 77, dtype=np.uint8)
    Cropper(size).cut(image, crop=crop, out_CSS=out)
    error = np.abs(out - slow_resize(image, crop, size))
    assert error.max() < (0.52 if EXACT else 5)
    if size >= 16:  # of few pixels the mean of the rounding, a quarter, is itself uncertain
        assert error.mean() < (0.27 if EXACT else 1.5)


def test_resize_writes_nothing_but_its_place():
    batch = np.full((3, 3, 16, 16), 7, dtype=np.uint8)
    image = np.full((40, 40, 4), 200, dtype=np.uint8)
    Cropper(16).cut(image, crop=Crop(1, 2, 30, 20, True), out_CSS=batch[1])
    assert (batch[1] == 200).all()
    assert (batch[[0, 2]] == 7).all()


def test_the_configuration_round_trips_and_refuses_nonsense():
    assert load(dump(InceptionCrop(size=64)), InceptionCrop) == InceptionCrop(size=64)
    for field, value in {"size": 0, "min_area": 0.0, "max_area": 1.2, "min_aspect": 2.0, "attempts": 0}.items():
        with pytest.raises(ConfigError):
            build(InceptionCrop, {field: value}, source="test")

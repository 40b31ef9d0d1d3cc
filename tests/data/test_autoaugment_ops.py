"""The operations of AutoAugment against pixel loops, and against Pillow where it has them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from tests.reference import autoaugment as slow
from torch import Tensor

from vivi.data import autoaugment_geometry as geometry
from vivi.data import autoaugment_ops as ops

SHAPES = [(16, 11), (5, 7), (3, 3), (1, 4), (2, 1)]
NEAR = 0.01
"""Coordinates are rounded to 2^-16 for each pixel of a side; so near the border of two pixels either is right."""
TABLES: list[tuple[Callable[[Tensor, Tensor], Tensor], Callable[..., slow.Image], tuple[float, ...]]] = [
    (ops.invert, lambda image, _: slow.invert(image), (0,)),
    (ops.solarize, slow.solarize, (0, 1, 51, 128, 230, 255, 256)),
    (ops.solarize_add, slow.solarize_add, (0, 33, 77, 110)),
    (ops.posterize, slow.posterize, (1, 2, 4, 6, 7, 8)),
    (ops.autocontrast, lambda image, _: slow.autocontrast(image), (0,)),
    (ops.equalize, lambda image, _: slow.equalize(image), (0,)),
]
BLENDS = [ops.colour, ops.colour_tensorflow, ops.contrast, ops.sharpness]
MOVES = {
    geometry.rotate: (-27, -9, 0, 6, 24, 90, 200),
    geometry.shear_x: (-0.3, 0, 0.15, 0.27),
    geometry.shear_x_tensorflow: (-0.27, 0, 0.15),
    geometry.shear_y_tensorflow: (-0.12, 0, 0.21),
    geometry.translate_y: (-225, -2, 0, 3, 225),
}


def pictures(height: int, width: int) -> list[slow.Image]:
    """Noise, dark, bright, few levels, smooth, one level and one channel of one level."""
    random = np.random.default_rng(height * 100 + width)
    noise = random.integers(0, 256, (3, height, width))
    smooth = 255 * (np.arange(height)[:, None] + np.arange(width)) // (height + width) * np.ones((3, 1, 1), dtype=int)
    flat = np.full((3, height, width), 77)
    half = noise.copy()
    half[1] = 200
    return [noise, noise // 8, 255 - noise // 8, noise // 100 * 90, smooth, flat, half]


def changed(
    change: Callable[[Tensor, Tensor], Tensor], images: list[slow.Image], arguments: list[float], device: str = "cpu"
) -> list[slow.Image]:
    """What the batched operation makes of the images, each with its own argument."""
    levels_BCHW = torch.from_numpy(np.stack(images)).float().to(device)
    before = levels_BCHW.clone()
    results_BCHW = change(levels_BCHW, torch.tensor(arguments, dtype=torch.float64))
    assert torch.equal(levels_BCHW, before)
    assert results_BCHW.dtype == torch.float32
    results = results_BCHW.cpu().double().numpy()
    assert (results == np.rint(results)).all()
    return list(results.astype(np.int64))


def cases(shape: tuple[int, int], arguments: tuple[float, ...]) -> tuple[list[slow.Image], list[float]]:
    """Every picture with every argument."""
    pairs = [(picture, argument) for picture in pictures(*shape) for argument in arguments]
    return [picture for picture, _ in pairs], [argument for _, argument in pairs]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("change", "slowly", "arguments"), TABLES)
def test_tables_of_levels(change, slowly, arguments, shape):
    images, given = cases(shape, arguments)
    for image, argument, result in zip(images, given, changed(change, images, given), strict=True):
        assert np.array_equal(result, slowly(image, argument)), argument


@pytest.mark.parametrize("change", [ops.equalize, ops.autocontrast])
def test_tables_of_large_images(change):
    """256 levels and more than 255 pixels beyond the highest: the step of equalize is over 1."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (3, 40, 40)), random.binomial(255, 0.2, (3, 40, 40)), np.zeros((3, 40, 40), int)]
    slowly = slow.equalize if change is ops.equalize else slow.autocontrast
    for image, result in zip(images, changed(change, images, [0.0] * 3), strict=True):
        assert np.array_equal(result, slowly(image))
    assert not np.array_equal(changed(change, images, [0.0] * 3)[1], images[1])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("change", BLENDS)
def test_blends(change, shape):
    images, given = cases(shape, (0.1, 0.46, 0.82, 1.0, 1.36, 1.54, 1.9))
    for image, factor, result in zip(images, given, changed(change, images, given), strict=True):
        base = slow.BASES[change.__name__](image)
        assert np.array_equal(result, slow.blend(base, image, factor)), factor
        exact = slow.blend_exactly(base, image, factor)
        decided = np.abs(exact - np.rint(exact)) > 1e-4  # else rounding decides what is cut off
        assert np.array_equal(result[decided], np.floor(exact[decided]))
        assert (np.abs(result - exact) < 1 + 1e-4).all()


@pytest.mark.parametrize("shape", [*SHAPES, (31, 24)])
@pytest.mark.parametrize("change", MOVES)
def test_moves(change, shape):
    images, given = cases(shape, MOVES[change])
    for image, argument, result in zip(images, given, changed(change, images, given), strict=True):
        places = slow.sources(image.shape, change.__name__, argument)
        decided = (np.abs(places - np.rint(places)) > NEAR).all(axis=1).reshape(shape)
        expected = slow.moved(image, change.__name__, argument)
        assert np.array_equal(result[:, decided], expected[:, decided]), argument
        assert np.array_equal(result, image) or argument != 0


def test_contrast_rounds_a_half_up():
    image = np.array([4, 5]).reshape(1, 1, 2).repeat(3, axis=0)
    assert changed(ops.contrast, [image], [0.0])[0].tolist() == [[[5, 5]]] * 3


def test_what_moves_where():
    """Positive angles turn counter-clockwise, positive shears and translations take from the right and from below."""
    image = np.arange(9).reshape(1, 3, 3).repeat(3, axis=0)
    assert np.array_equal(changed(geometry.rotate, [image], [90])[0][0], np.rot90(image[0]))
    down = changed(geometry.translate_y, [image], [1])[0][0]
    assert down.tolist() == [[3, 4, 5], [6, 7, 8], [128, 128, 128]]
    right = changed(geometry.shear_x_tensorflow, [image], [1])[0][0]
    assert right.tolist() == [[0, 1, 2], [4, 5, 128], [8, 128, 128]]
    below = changed(geometry.shear_y_tensorflow, [image], [1])[0][0]
    assert below.tolist() == [[0, 4, 8], [3, 7, 128], [6, 128, 128]]


GREY = (128, 128, 128)
AFFINE = Image.Transform.AFFINE
PILLOW: dict[Callable[[Tensor, Tensor], Tensor], tuple[Callable[[Image.Image, float], Image.Image], list[float]]] = {
    ops.invert: (lambda image, _: ImageOps.invert(image), [0]),
    ops.solarize: (lambda image, threshold: ImageOps.solarize(image, int(threshold)), [0, 76, 128, 256]),
    ops.posterize: (lambda image, bits: ImageOps.posterize(image, int(bits)), [1, 2, 6, 7, 8]),
    ops.autocontrast: (lambda image, _: ImageOps.autocontrast(image), [0]),
    ops.equalize: (lambda image, _: ImageOps.equalize(image), [0]),
    geometry.rotate: (lambda image, degrees: image.rotate(degrees, fillcolor=GREY), [-27, -6, 0, 9, 24]),
    geometry.shear_x: (
        lambda image, slope: image.transform(image.size, AFFINE, (1, slope, 0, 0, 1, 0), fillcolor=GREY),
        [-0.3, -0.15, 0, 0.15],
    ),
    geometry.translate_y: (
        lambda image, pixels: image.transform(image.size, AFFINE, (1, 0, 0, 0, 1, pixels), fillcolor=GREY),
        [-7, 0, 12, 225],
    ),
}
ENHANCERS = {
    ops.colour: ImageEnhance.Color,
    ops.contrast: ImageEnhance.Contrast,
    ops.sharpness: ImageEnhance.Sharpness,
}


def through_pillow(
    image: slow.Image, change: Callable[[Image.Image, float], Image.Image], argument: float
) -> slow.Image:
    picture = Image.fromarray(image.astype(np.uint8).transpose(1, 2, 0))
    return np.asarray(change(picture, argument)).astype(np.int64).transpose(2, 0, 1)


@pytest.mark.parametrize("shape", [(48, 48), (97, 130), (2, 9)])
@pytest.mark.parametrize("change", PILLOW)
def test_pillow_says_the_same(change, shape):
    pillow, arguments = PILLOW[change]
    images, given = cases(shape, tuple(arguments))
    for image, argument, result in zip(images, given, changed(change, images, given), strict=True):
        assert np.array_equal(result, through_pillow(image, pillow, argument)), argument


@pytest.mark.parametrize("shape", [(48, 48), (97, 130), (2, 9)])
@pytest.mark.parametrize("change", ENHANCERS)
def test_pillow_blends_the_same(change, shape):
    """To a level in one pixel of a hundred, where a processor fuses product and sum; exactly where it does not."""
    images, given = cases(shape, (0.1, 0.46, 0.82, 1.36, 1.54, 1.9))
    for image, factor, result in zip(images, given, changed(change, images, given), strict=True):
        pillow = through_pillow(image, lambda picture, given: ENHANCERS[change](picture).enhance(given), factor)
        assert np.abs(result - pillow).max() <= 1, factor
        assert (result != pillow).mean() <= 0.01, factor


ALL = {change: arguments for change, _, arguments in TABLES} | MOVES | dict.fromkeys(BLENDS, (0.1, 0.82, 1.9))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("change", ALL)
def test_a_gpu_gives_the_same_levels(change):
    for shape in [*SHAPES, (48, 48)]:
        images, given = cases(shape, ALL[change])
        assert np.array_equal(changed(change, images, given, "cuda"), changed(change, images, given))

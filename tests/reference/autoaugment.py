"""AutoAugment one pixel at a time: images are NumPy arrays of whole numbers, channels x height x width.

The tables are written down once more, by name. `timm` is timm/data/auto_augment.py, `tpu` is
models/official/efficientnet/autoaugment.py of tensorflow/tpu.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.int64]
Place = tuple[float, float]


def each_level(image: Image, change: Callable[[int], int]) -> Image:
    return np.array([change(int(level)) for level in image.flat]).reshape(image.shape)


def invert(image: Image) -> Image:
    return each_level(image, lambda level: 255 - level)


def solarize(image: Image, threshold: float) -> Image:
    return each_level(image, lambda level: level if level < threshold else 255 - level)


def solarize_add(image: Image, addition: float) -> Image:
    return each_level(image, lambda level: min(255, int(level + addition)) if level < 128 else level)


def posterize(image: Image, bits: float) -> Image:
    return each_level(image, lambda level: level >> (8 - int(bits)) << (8 - int(bits)))


def autocontrast(image: Image) -> Image:
    return np.stack([stretched(channel) for channel in image])


def stretched(channel: Image) -> Image:
    lowest, highest = int(channel.min()), int(channel.max())
    if lowest == highest:
        return channel
    scale = 255.0 / (highest - lowest)
    offset = -lowest * scale
    return each_level(channel, lambda level: min(255, max(0, int(level * scale + offset))))


def equalize(image: Image) -> Image:
    return np.stack([equalized(channel) for channel in image])


def equalized(channel: Image) -> Image:
    counts = [int((channel == level).sum()) for level in range(256)]
    step = (sum(counts) - [count for count in counts if count][-1]) // 255
    if step == 0:
        return channel
    table, reached = [], step // 2
    for count in counts:
        table.append(min(255, reached // step))
        reached += count
    return each_level(channel, lambda level: table[level])


def blend_exactly(base: Image, image: Image, factor: float) -> NDArray[np.float64]:
    """In 64 bits, clipped, not cut off."""
    factor = float(np.float32(factor))
    pairs = zip(base.flat, image.flat, strict=True)
    return np.array([min(255.0, max(0.0, a + factor * (b - a))) for a, b in pairs]).reshape(image.shape)


def blend(base: Image, image: Image, factor: float) -> Image:
    """In 32 bits, as Pillow does, so that what is cut off is the same."""
    pairs = zip(base.flat, image.flat, strict=True)
    values = [np.float32(a) + np.float32(factor) * np.float32(b - a) for a, b in pairs]
    return np.array([int(min(255.0, max(0.0, value))) for value in values]).reshape(image.shape)


def each_pixel(image: Image, grey: Callable[[int, int, int], int]) -> Image:
    result = np.empty_like(image)
    for y, x in np.ndindex(image.shape[1:]):
        result[:, y, x] = grey(*image[:, y, x].tolist())
    return result


def pillow_grey(image: Image) -> Image:
    return each_pixel(image, lambda r, g, b: (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16)


def tensorflow_grey(image: Image) -> Image:
    """rgb_to_grayscale: to [0,1], weigh, times 255.5, cut off; in whole numbers, so that no rounding decides."""
    return each_pixel(image, lambda r, g, b: (2989 * r + 5870 * g + 1140 * b) * 511 // (255 * 2 * 10_000))


def mean_grey(image: Image) -> Image:
    return np.full_like(image, int(pillow_grey(image)[0].sum() / image[0].size + 0.5))


def smooth(image: Image) -> Image:
    result = image.copy()
    for c, y, x in np.ndindex(image.shape):
        if 0 < y < image.shape[1] - 1 and 0 < x < image.shape[2] - 1:
            near = image[c, y - 1 : y + 2, x - 1 : x + 2].sum() + 4 * image[c, y, x]
            result[c, y, x] = int(near / 13 + 0.5)
    return result


BASES: dict[str, Callable[[Image], Image]] = {
    "colour": pillow_grey,
    "colour_tensorflow": tensorflow_grey,
    "contrast": mean_grey,
    "sharpness": smooth,
}


def sources(shape: tuple[int, ...], kind: str, argument: float) -> NDArray[np.float64]:
    """Where each pixel of the result comes from, x and y; pixel (0, 0) reaches from 0 to 1. A row for each pixel."""
    height, width = shape[1:]
    return np.array([source(kind, argument, x, y, width, height) for y in range(height) for x in range(width)])


def source(kind: str, argument: float, column: int, row: int, width: int, height: int) -> Place:
    x, y = column + 0.5, row + 0.5
    if kind == "rotate":
        cos, sin = math.cos(math.radians(argument)), math.sin(math.radians(argument))
        right, down = x - width / 2, y - height / 2
        return width / 2 + cos * right - sin * down, height / 2 + sin * right + cos * down
    places: dict[str, Place] = {
        "shear_x": (x + argument * y, y),
        "shear_x_tensorflow": (x + argument * row, y),
        "shear_y_tensorflow": (x, y + argument * column),
        "translate_y": (x, y + argument),
    }
    return places[kind]


def moved(image: Image, kind: str, argument: float) -> Image:
    result = np.full_like(image, 128)
    columns_and_rows = np.floor(sources(image.shape, kind, argument)).astype(int)
    for pixel, (x, y) in enumerate(columns_and_rows):
        if 0 <= x < image.shape[2] and 0 <= y < image.shape[1]:
            result[:, pixel // image.shape[2], pixel % image.shape[2]] = image[:, y, x]
    return result


PAPER = """
Posterize .4 8 Rotate .6 9        Solarize .6 5 AutoContrast .6 5   Equalize .8 8 Equalize .6 3
Posterize .6 7 Posterize .6 6     Equalize .4 7 Solarize .2 4       Equalize .4 4 Rotate .8 8
Solarize .6 3 Equalize .6 7       Posterize .8 5 Equalize 1 2       Rotate .2 3 Solarize .6 8
Equalize .6 8 Posterize .4 6      Rotate .8 8 Color .4 0            Rotate .4 9 Equalize .6 2
Equalize 0 7 Equalize .8 8        Invert .6 4 Equalize 1 8          Color .6 4 Contrast 1 8
Rotate .8 8 Color 1 2             Color .8 8 Solarize .8 7          Sharpness .4 7 Invert .6 8
ShearX .6 5 Equalize 1 9          Color .4 0 Equalize .6 3          Equalize .4 7 Solarize .2 4
Solarize .6 5 AutoContrast .6 5   Invert .6 4 Equalize 1 8          Color .6 4 Contrast 1 8
Equalize .8 8 Equalize .6 3
"""
V0 = """
Equalize .8 1 ShearY .8 4         Color .4 9 Equalize .6 3          Color .4 1 Rotate .6 8
Solarize .8 3 Equalize .4 7       Solarize .4 2 Solarize .6 2       Color .2 0 Equalize .8 8
Equalize .4 8 SolarizeAdd .8 3    ShearX .2 9 Rotate .6 8           Color .6 1 Equalize 1 2
Invert .4 9 Rotate .6 0           Equalize 1 9 ShearY .6 3          Color .4 7 Equalize .6 0
Posterize .4 6 AutoContrast .4 7  Solarize .6 8 Color .6 9          Solarize .2 4 Rotate .8 9
Rotate 1 7 TranslateY .8 9        ShearX 0 0 Solarize .8 4          ShearY .8 0 Color .6 4
Color 1 0 Rotate .6 2             Equalize .8 4 Equalize 0 8        Equalize 1 4 AutoContrast .6 2
ShearY .4 7 SolarizeAdd .6 7      Posterize .8 2 Solarize .6 10     Solarize .6 8 Equalize .6 1
Color .8 6 Rotate .4 5
"""


def steps_of(table: str) -> list[tuple[tuple[str, float, int], tuple[str, float, int]]]:
    """The sub-policies of a table: twice (name, probability, magnitude)."""
    words = table.split()
    steps = [(words[at], float(words[at + 1]), int(words[at + 2])) for at in range(0, len(words), 3)]
    return list(zip(steps[::2], steps[1::2], strict=True))


def do(image: Image, name: str, magnitude: int, sign: int, *, tpu: bool) -> Image:
    """One operation of a policy by its name."""
    level = magnitude / 10
    factor = level * 1.8 + 0.1
    tf = "_tensorflow" if tpu else ""
    bits = max(1, int(level * 4)) if tpu else int(level * 4) + 4
    ways: dict[str, Callable[[], Image]] = {
        "AutoContrast": lambda: autocontrast(image),
        "Equalize": lambda: equalize(image),
        "Invert": lambda: invert(image),
        "Posterize": lambda: posterize(image, bits),
        "Solarize": lambda: solarize(image, int(level * 256)),
        "SolarizeAdd": lambda: solarize_add(image, int(level * 110)),
        "Color": lambda: blend(BASES[f"colour{tf}"](image), image, factor),
        "Contrast": lambda: blend(mean_grey(image), image, factor),
        "Sharpness": lambda: blend(smooth(image), image, factor),
        "Rotate": lambda: moved(image, "rotate", sign * level * 30),
        "ShearX": lambda: moved(image, f"shear_x{tf}", sign * level * 0.3),
        "ShearY": lambda: moved(image, f"shear_y{tf}", sign * level * 0.3),
        "TranslateY": lambda: moved(image, "translate_y", sign * level * 250),
    }
    return ways[name]()

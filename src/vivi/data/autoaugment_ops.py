"""The operations of AutoAugment that change colours: batched, each image with its own argument.

Every function takes levels_BCHW (float32 RGB, whole numbers from 0 to 255, any device) and arguments_B (float64, on the
CPU; ignored where an operation has none) and returns new levels. The definitions are those of Pillow
(src/PIL/ImageOps.py and ImageEnhance.py of python-pillow/Pillow), from which tensorflow/tpu,
models/official/efficientnet/autoaugment.py, took its own; where that file's differs, there is a second function.
Products and sums are exact or rounded one by one, so every device gives the same levels.
"""

import torch
from torch import Tensor

from vivi.core.to_device import to_device

_LEVELS = 256
_PILLOW_GREY = (19595 / 2**16, 38470 / 2**16, 7471 / 2**16)
_TENSORFLOW_GREY = (2989.0, 5870.0, 1140.0)


def invert(levels_BCHW: Tensor, _arguments_B: Tensor) -> Tensor:
    """255 - level. Pillow and TensorFlow agree."""
    return 255 - levels_BCHW


def solarize(levels_BCHW: Tensor, threshold_B: Tensor) -> Tensor:
    """255 - level where a level is at least the threshold (0 to 256). Pillow and TensorFlow agree."""
    old = torch.arange(_LEVELS)
    return _look_up(levels_BCHW, torch.where(old < threshold_B[:, None, None], old, 255 - old))


def solarize_add(levels_BCHW: Tensor, addition_B: Tensor) -> Tensor:
    """Add to levels below 128, at most up to 255. Only TensorFlow has it."""
    old = torch.arange(_LEVELS)
    return _look_up(levels_BCHW, torch.where(old < 128, (old + addition_B[:, None, None]).clamp(0, 255), old))


def posterize(levels_BCHW: Tensor, bits_B: Tensor) -> Tensor:
    """Keep the highest 1 to 8 bits of every level. Pillow and TensorFlow agree."""
    unit_B11 = 2.0 ** (8 - bits_B)[:, None, None]
    return _look_up(levels_BCHW, torch.arange(_LEVELS).div(unit_B11, rounding_mode="floor").mul_(unit_B11))


def autocontrast(levels_BCHW: Tensor, _arguments_B: Tensor) -> Tensor:
    """Stretch each channel to 0..255; a channel of one level stays.

    Pillow's 64-bit arithmetic with its cutting off; TensorFlow does the same in 32 bits, so that a level can differ by
    one where the exact result is whole.
    """
    old = torch.arange(_LEVELS, dtype=torch.float64, device=levels_BCHW.device)
    lowest_BC1 = levels_BCHW.amin(dim=(2, 3)).double()[:, :, None]
    span_BC1 = levels_BCHW.amax(dim=(2, 3)).double()[:, :, None] - lowest_BC1
    scale_BC1 = torch.full_like(span_BC1, 255.0).div_(span_BC1.clamp(min=1))  # `255.0 /` would be a reciprocal
    stretched_BCT = (old * scale_BC1).add_(-lowest_BC1 * scale_BC1).clamp_(0, 255).floor_()
    return _look_up(levels_BCHW, torch.where(span_BC1 > 0, stretched_BCT, old))


def equalize(levels_BCHW: Tensor, _arguments_B: Tensor) -> Tensor:
    """Make the levels of each channel equally frequent, as far as a table can. Pillow and TensorFlow agree.

    With n(l) pixels of level l and step = (pixels not of the highest level) // 255, level l becomes
    (n(0) + ... + n(l - 1) + step // 2) // step, at most 255. Where step is 0 the channel stays.
    """
    counts_BCT = _histograms(levels_BCHW)
    highest_BC1 = levels_BCHW.amax(dim=(2, 3))[:, :, None].long()
    step_BC1 = (levels_BCHW[0, 0].numel() - counts_BCT.gather(2, highest_BC1)) // 255
    below_BCT = counts_BCT.cumsum(dim=2).sub_(counts_BCT)
    equal_BCT = below_BCT.add_(step_BC1 // 2).floor_divide_(step_BC1.clamp(min=1)).clamp_(max=255)
    old = torch.arange(_LEVELS, device=levels_BCHW.device)
    return _look_up(levels_BCHW, torch.where(step_BC1 > 0, equal_BCT, old))


def colour(levels_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Blend with the grey image. Pillow's grey: (19595 R + 38470 G + 7471 B + 2^15) >> 16."""
    return _blend(_grey(levels_BCHW), levels_BCHW, factor_B)


def colour_tensorflow(levels_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Blend with the grey image of `tf.image.rgb_to_grayscale`: 255.5 (0.2989 R + 0.587 G + 0.114 B) / 255, cut off.

    In 64 bits, where nothing but 0 comes near a whole number.
    """
    grey_B1HW = _weighted(levels_BCHW, _TENSORFLOW_GREY).double().mul_(255.5 / 255 / 10_000).floor_().float()
    return _blend(grey_B1HW, levels_BCHW, factor_B)


def contrast(levels_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Blend with the mean of Pillow's grey image, rounded. The policy of TensorFlow has none."""
    pixels = levels_BCHW[0, 0].numel()
    sum_B111 = _grey(levels_BCHW).sum(dim=(2, 3), keepdim=True, dtype=torch.int64)
    return _blend((2 * sum_B111 + pixels) // (2 * pixels), levels_BCHW, factor_B)


def sharpness(levels_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """Blend with the smoothed image: weights 1, in the middle 5, over 13, rounded; the border stays. Pillow's."""
    rows = levels_BCHW[:, :, :-2] + levels_BCHW[:, :, 1:-1] + levels_BCHW[:, :, 2:]
    sums = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * levels_BCHW[:, :, 1:-1, 1:-1]
    smooth_BCHW = levels_BCHW.clone()
    smooth_BCHW[:, :, 1:-1, 1:-1] = sums.div_(13).round_()
    return _blend(smooth_BCHW, levels_BCHW, factor_B)


def _blend(base: Tensor, levels_BCHW: Tensor, factor_B: Tensor) -> Tensor:
    """A + factor (levels - A) with A the base, in 32-bit floats, clipped and cut off: as Pillow's Blend.c."""
    factor_B111 = to_device(factor_B.float(), levels_BCHW.device)[:, None, None, None]
    return (levels_BCHW - base).mul_(factor_B111).add_(base).clamp_(0, 255).floor_()


def _grey(levels_BCHW: Tensor) -> Tensor:
    """Pillow's grey image, _B1HW."""
    return _weighted(levels_BCHW, _PILLOW_GREY).add_(0.5).floor_()


def _weighted(levels_BCHW: Tensor, weights: tuple[float, float, float]) -> Tensor:
    """Red, green and blue in these parts: sums_B1HW; exact for weights of this file, whose sums have 24 bits."""
    red, green, blue = levels_BCHW.unbind(dim=1)
    return (red * weights[0]).add_(green * weights[1]).add_(blue * weights[2])[:, None]


def _histograms(levels_BCHW: Tensor) -> Tensor:
    """How often each channel has each of the 256 levels: int64 counts_BCT."""
    where = levels_BCHW.flatten(2).long()
    ones = torch.ones((), dtype=torch.int64, device=where.device).expand_as(where)
    return where.new_zeros((*where.shape[:2], _LEVELS)).scatter_add_(2, where, ones)


def _look_up(levels_BCHW: Tensor, new_BCT: Tensor) -> Tensor:
    """Every level replaced by its entry in the table of its image (C is 1) or its channel."""
    where = levels_BCHW.flatten(2).long()
    tables_BCT = to_device(new_BCT.float(), where.device).expand(*where.shape[:2], _LEVELS)
    return tables_BCT.gather(2, where).view(levels_BCHW.shape)

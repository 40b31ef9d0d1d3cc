"""The operations of AutoAugment that move pixels: nearest neighbour, grey 128 where nothing is known.

Every function takes levels_BCHW (float32, 0 to 255, any device) and arguments_B (float64, on the CPU) and returns new
levels. An operation is an affine map from the place of a pixel in the result to its place in the source, where the
middle of the first pixel is at (1/2, 1/2). The map is worked out on the CPU and applied in fixed-point numbers with 16
fractional bits, as Pillow does (src/libImaging/Geometry.c, affine_fixed), so every device takes the same pixels.
Coordinates must stay below 2^15 pixels.

Interpolation is that of Pillow's `transform` and `rotate` and of tensorflow/tpu,
models/official/efficientnet/autoaugment.py, where tf.contrib.image does it in 32-bit floats: the same but for places
within a few thousandths of a pixel of the border between two. The grey is that of the latter, of
DeepVoltaire/AutoAugment and of timm.
"""

import torch
from torch import Tensor

from vivi.core.to_device import to_device

_FILL = 128
_FRACTION = 16


def rotate(levels_BCHW: Tensor, degrees_B: Tensor) -> Tensor:
    """Turn counter-clockwise about the middle of the image. Pillow and TensorFlow agree."""
    height, width = levels_BCHW.shape[2:]
    cos_B, sin_B = degrees_B.deg2rad().cos(), degrees_B.deg2rad().sin()
    across_B = width / 2 - cos_B * (width / 2) + sin_B * (height / 2)
    down_B = height / 2 - sin_B * (width / 2) - cos_B * (height / 2)
    return _moved(levels_BCHW, [cos_B, -sin_B, across_B, sin_B, cos_B, down_B])


def shear_x(levels_BCHW: Tensor, slope_B: Tensor) -> Tensor:
    """Take x + slope y for x; the upper edge of the image stays. Pillow's `transform`."""
    one_B, zero_B = torch.ones_like(slope_B), torch.zeros_like(slope_B)
    return _moved(levels_BCHW, [one_B, slope_B, zero_B, zero_B, one_B, zero_B])


def shear_x_tensorflow(levels_BCHW: Tensor, slope_B: Tensor) -> Tensor:
    """Take x + slope y for x; the middle of the first row stays, for TensorFlow counts from the middle of pixels."""
    one_B, zero_B = torch.ones_like(slope_B), torch.zeros_like(slope_B)
    return _moved(levels_BCHW, [one_B, slope_B, -slope_B / 2, zero_B, one_B, zero_B])


def shear_y_tensorflow(levels_BCHW: Tensor, slope_B: Tensor) -> Tensor:
    """Take y + slope x for y; the middle of the first column stays."""
    one_B, zero_B = torch.ones_like(slope_B), torch.zeros_like(slope_B)
    return _moved(levels_BCHW, [one_B, zero_B, zero_B, slope_B, one_B, -slope_B / 2])


def translate_y(levels_BCHW: Tensor, pixels_B: Tensor) -> Tensor:
    """Take y + pixels for y. Pillow and TensorFlow agree on whole pixels."""
    one_B, zero_B = torch.ones_like(pixels_B), torch.zeros_like(pixels_B)
    return _moved(levels_BCHW, [one_B, zero_B, zero_B, zero_B, one_B, pixels_B])


def _moved(levels_BCHW: Tensor, affine: list[Tensor]) -> Tensor:
    """Pixel (x, y) of the result from (a x + b y + c, d x + e y + f) of the source; `affine` is a_B to f_B."""
    height, width = levels_BCHW.shape[2:]
    x_BHW, y_BHW = _sources(affine, height=height, width=width, device=levels_BCHW.device)
    inside_BHW = (x_BHW >= 0) & (x_BHW < width) & (y_BHW >= 0) & (y_BHW < height)
    places_B1P = y_BHW.mul_(width).add_(x_BHW).mul_(inside_BHW).flatten(1)[:, None].long()
    taken_BCP = levels_BCHW.flatten(2).gather(2, places_B1P.expand(-1, levels_BCHW.shape[1], -1))
    return taken_BCP.view(levels_BCHW.shape).masked_fill_(~inside_BHW[:, None], _FILL)


def _sources(affine: list[Tensor], *, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The column and the row of the source for every pixel of the result: int32 x_BHW, y_BHW."""
    a, b, c, d, e, f = affine
    fixed = [_fixed(number_B) for number_B in (a, b, c + (a + b) / 2, d, e, f + (d + e) / 2)]
    fixed_6B11 = to_device(torch.stack(fixed), device)[:, :, None, None]
    columns = torch.arange(width, dtype=torch.int32, device=device)
    rows_H1 = torch.arange(height, dtype=torch.int32, device=device)[:, None]
    x_BHW = fixed_6B11[0] * columns + (fixed_6B11[1] * rows_H1 + fixed_6B11[2])
    y_BHW = fixed_6B11[3] * columns + (fixed_6B11[4] * rows_H1 + fixed_6B11[5])
    return x_BHW.bitwise_right_shift(_FRACTION), y_BHW.bitwise_right_shift(_FRACTION)


def _fixed(number_B: Tensor) -> Tensor:
    """Fixed-point numbers, int32, rounded to the nearest."""
    return number_B.mul(2**_FRACTION).add_(0.5).floor_().to(torch.int32)

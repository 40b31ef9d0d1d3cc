"""The two ImageNet policies of AutoAugment as tables: operation, probability, magnitude; twice in each line."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from vivi.data import autoaugment_geometry as geometry
from vivi.data import autoaugment_ops as ops


class Operation(NamedTuple):
    """What is done, and how strongly at each magnitude."""

    change: Callable[[Tensor, Tensor], Tensor]
    """From levels_BCHW (float32, whole numbers) and arguments_B (float64, on the CPU) to new levels."""
    argument: Callable[[int], float]
    """From the magnitude, 0 to 10, to the argument."""
    signed: bool = False
    """Whether the argument is negated with probability 1/2."""


class Step(NamedTuple):
    """One operation of a sub-policy."""

    operation: Operation
    probability: float
    magnitude: int


SubPolicy = tuple[Step, Step]
Policy = tuple[SubPolicy, ...]


def _policy(*lines: tuple[Operation, float, int, Operation, float, int]) -> Policy:
    return tuple((Step(*line[:3]), Step(*line[3:])) for line in lines)


def _nothing(_magnitude: int) -> float:
    return 0


def _factor(magnitude: int) -> float:
    return magnitude / 10 * 1.8 + 0.1


def _bits_of_tensorflow(magnitude: int) -> float:
    """int(magnitude / 10 * 4), but no less than 1: TensorFlow shifts a byte by at most 7 bits."""
    return max(1, int(magnitude / 10 * 4))


# The same in both policies. Arguments: timm/data/auto_augment.py and tensorflow/tpu's file.
_autocontrast = Operation(ops.autocontrast, _nothing)
_equalize = Operation(ops.equalize, _nothing)
_invert = Operation(ops.invert, _nothing)
_rotate = Operation(geometry.rotate, lambda magnitude: magnitude / 10 * 30, signed=True)
_solarize = Operation(ops.solarize, lambda magnitude: int(magnitude / 10 * 256))

# The paper's. Arguments: timm's "original" policy, the ranges in the paper's list of operations.
_colour = Operation(ops.colour, _factor)
_contrast = Operation(ops.contrast, _factor)
_posterize = Operation(ops.posterize, lambda magnitude: int(magnitude / 10 * 4) + 4)
_sharpness = Operation(ops.sharpness, _factor)
_shear_x = Operation(geometry.shear_x, lambda magnitude: magnitude / 10 * 0.3, signed=True)

PAPER = _policy(
    (_posterize, 0.4, 8, _rotate, 0.6, 9),
    (_solarize, 0.6, 5, _autocontrast, 0.6, 5),
    (_equalize, 0.8, 8, _equalize, 0.6, 3),
    (_posterize, 0.6, 7, _posterize, 0.6, 6),
    (_equalize, 0.4, 7, _solarize, 0.2, 4),
    (_equalize, 0.4, 4, _rotate, 0.8, 8),
    (_solarize, 0.6, 3, _equalize, 0.6, 7),
    (_posterize, 0.8, 5, _equalize, 1.0, 2),
    (_rotate, 0.2, 3, _solarize, 0.6, 8),
    (_equalize, 0.6, 8, _posterize, 0.4, 6),
    (_rotate, 0.8, 8, _colour, 0.4, 0),
    (_rotate, 0.4, 9, _equalize, 0.6, 2),
    (_equalize, 0.0, 7, _equalize, 0.8, 8),
    (_invert, 0.6, 4, _equalize, 1.0, 8),
    (_colour, 0.6, 4, _contrast, 1.0, 8),
    (_rotate, 0.8, 8, _colour, 1.0, 2),
    (_colour, 0.8, 8, _solarize, 0.8, 7),
    (_sharpness, 0.4, 7, _invert, 0.6, 8),
    (_shear_x, 0.6, 5, _equalize, 1.0, 9),
    (_colour, 0.4, 0, _equalize, 0.6, 3),
    (_equalize, 0.4, 7, _solarize, 0.2, 4),
    (_solarize, 0.6, 5, _autocontrast, 0.6, 5),
    (_invert, 0.6, 4, _equalize, 1.0, 8),
    (_colour, 0.6, 4, _contrast, 1.0, 8),
    (_equalize, 0.8, 8, _equalize, 0.6, 3),
)
"""Cubuk et al., AutoAugment, Table 9; timm/data/auto_augment.py ("original"), torchvision's IMAGENET."""

# The TPU policy's. Arguments: tensorflow/tpu, models/official/efficientnet/autoaugment.py.
_tpu_colour = Operation(ops.colour_tensorflow, _factor)
_tpu_posterize = Operation(ops.posterize, _bits_of_tensorflow)
_tpu_shear_x = Operation(geometry.shear_x_tensorflow, lambda magnitude: magnitude / 10 * 0.3, signed=True)
_tpu_shear_y = Operation(geometry.shear_y_tensorflow, lambda magnitude: magnitude / 10 * 0.3, signed=True)
_tpu_solarize_add = Operation(ops.solarize_add, lambda magnitude: int(magnitude / 10 * 110))
_tpu_translate_y = Operation(geometry.translate_y, lambda magnitude: magnitude / 10 * 250, signed=True)

TPU_V0 = _policy(
    (_equalize, 0.8, 1, _tpu_shear_y, 0.8, 4),
    (_tpu_colour, 0.4, 9, _equalize, 0.6, 3),
    (_tpu_colour, 0.4, 1, _rotate, 0.6, 8),
    (_solarize, 0.8, 3, _equalize, 0.4, 7),
    (_solarize, 0.4, 2, _solarize, 0.6, 2),
    (_tpu_colour, 0.2, 0, _equalize, 0.8, 8),
    (_equalize, 0.4, 8, _tpu_solarize_add, 0.8, 3),
    (_tpu_shear_x, 0.2, 9, _rotate, 0.6, 8),
    (_tpu_colour, 0.6, 1, _equalize, 1.0, 2),
    (_invert, 0.4, 9, _rotate, 0.6, 0),
    (_equalize, 1.0, 9, _tpu_shear_y, 0.6, 3),
    (_tpu_colour, 0.4, 7, _equalize, 0.6, 0),
    (_tpu_posterize, 0.4, 6, _autocontrast, 0.4, 7),
    (_solarize, 0.6, 8, _tpu_colour, 0.6, 9),
    (_solarize, 0.2, 4, _rotate, 0.8, 9),
    (_rotate, 1.0, 7, _tpu_translate_y, 0.8, 9),
    (_tpu_shear_x, 0.0, 0, _solarize, 0.8, 4),
    (_tpu_shear_y, 0.8, 0, _tpu_colour, 0.6, 4),
    (_tpu_colour, 1.0, 0, _rotate, 0.6, 2),
    (_equalize, 0.8, 4, _equalize, 0.0, 8),
    (_equalize, 1.0, 4, _autocontrast, 0.6, 2),
    (_tpu_shear_y, 0.4, 7, _tpu_solarize_add, 0.6, 7),
    (_tpu_posterize, 0.8, 2, _solarize, 0.6, 10),
    (_solarize, 0.6, 8, _equalize, 0.6, 1),
    (_tpu_colour, 0.8, 6, _rotate, 0.4, 5),
)
"""tensorflow/tpu, models/official/efficientnet/autoaugment.py (policy_v0)."""

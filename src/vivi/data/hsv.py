"""Random hue, saturation and value, as S4L has them."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from vivi.core.config import config
from vivi.core.to_device import to_device
from vivi.data.augment import ColourTransform

_TINY = 1e-12


@config
class HSVNoise(ColourTransform):
    """Hue is turned; saturation and value, each by its own draw, become x^(2^u) 2^v + w, clipped to [0,1].

    google-research/s4l, preprocess.py (get_hsvnoise_preprocess); applied to every image. A grey pixel has hue 0, as in
    TensorFlow's rgb_to_hsv, so a positive w tints it.
    """

    hue: Annotated[float, Field(ge=0)] = 0.1
    """The hue moves by uniform between minus and plus this; the whole circle is 1."""
    power: Annotated[float, Field(ge=0)] = 2.0
    """u is uniform between minus and plus this."""
    gain: Annotated[float, Field(ge=0)] = 0.5
    """v is uniform between minus and plus this."""
    shift: Annotated[float, Field(ge=0)] = 0.1
    """w is uniform between minus and plus this."""

    def draw(self, count: int, generator: np.random.Generator) -> Tensor:
        """For `count` frames the turn of the hue, then exponent, factor and shift for S, and for V: draws_B7."""
        limits = np.array([self.hue, *[self.power, self.gain, self.shift] * 2])
        drawn_B7 = limits * (2 * generator.random((count, 7)) - 1)
        drawn_B7[:, [1, 2, 4, 5]] = 2.0 ** drawn_B7[:, [1, 2, 4, 5]]
        return torch.from_numpy(drawn_B7.astype(np.float32))

    def apply_(self, images_BCHW: Tensor, draws_BD: Tensor) -> None:
        """To HSV, change, clip, and back to RGB; in place."""
        draws_7B11 = to_device(draws_BD, images_BCHW.device).T[:, :, None, None]
        hue_BHW, saturation_BHW, value_BHW = _to_hsv(images_BCHW)
        hue_BHW.add_(draws_7B11[0], alpha=6).remainder_(6)
        _curve_(saturation_BHW, *draws_7B11[1:4])
        _curve_(value_BHW, *draws_7B11[4:7])
        _write_rgb(images_BCHW, hue_BHW, saturation_BHW, value_BHW)


def _curve_(numbers_BHW: Tensor, power_B11: Tensor, factor_B11: Tensor, shift_B11: Tensor) -> None:
    """x^power factor + shift, clipped to [0,1], for x >= 0; in place."""
    numbers_BHW.pow_(power_B11).mul_(factor_B11).add_(shift_B11).clamp_(0, 1)


def _to_hsv(images_BCHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue in sixths of the circle (-1 to 5), saturation and value, each _BHW; hue 0 where there is no colour."""
    red, green, blue = images_BCHW.unbind(dim=1)
    value_BHW = torch.maximum(red, green).maximum(blue)
    range_BHW = value_BHW - torch.minimum(red, green).minimum(blue)
    saturation_BHW = range_BHW / value_BHW.clamp(min=_TINY)
    range_BHW.clamp_(min=_TINY)
    hue_BHW = (red - green).div_(range_BHW).add_(4)
    hue_BHW.lerp_((blue - red).div_(range_BHW).add_(2), _equal(green, value_BHW))
    hue_BHW.lerp_((green - blue).div_(range_BHW), _equal(red, value_BHW))
    return hue_BHW, saturation_BHW, value_BHW


def _equal(channel_BHW: Tensor, value_BHW: Tensor) -> Tensor:
    """1.0 where a channel is the largest, else 0.0; many times faster on a CPU than a comparison and a choice."""
    return (channel_BHW - value_BHW).sign_().add_(1)


def _write_rgb(images_BCHW: Tensor, hue_BHW: Tensor, saturation_BHW: Tensor, value_BHW: Tensor) -> None:
    """V (1 - S w) for each channel, where w goes from 0 to 1 with the distance of its hue."""
    red, green, blue = images_BCHW.unbind(dim=1)
    red.copy_(hue_BHW).sub_(3).abs_().neg_().add_(2)
    green.copy_(hue_BHW).sub_(2).abs_().sub_(1)
    blue.copy_(hue_BHW).sub_(4).abs_().sub_(1)
    images_BCHW.clamp_(0, 1).mul_(saturation_BHW[:, None]).neg_().add_(1).mul_(value_BHW[:, None])

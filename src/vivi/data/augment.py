"""The colour half of augmentation: batched on the device, each frame with its own random numbers."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from vivi.core.config import config
from vivi.core.seeds import rng
from vivi.data.crop import InceptionCrop

_TINY = 1e-12
_CACHED = 2**19
"""Numbers that a CPU colours at a time: they stay in its cache."""
_BOUNDED = 2**27
"""Numbers that an accelerator colours at a time: the temporaries stay small beside the batch."""


@config
class ColourTransform(ABC):
    """A random change of colour, one draw per frame."""

    @abstractmethod
    def draw(self, count: int, generator: np.random.Generator) -> Tensor:
        """Random numbers for `count` frames, draws_BD, float32, on the CPU."""

    @abstractmethod
    def apply_(self, images_BCHW: Tensor, draws_BD: Tensor) -> None:
        """Change float RGB images in [0,1] in place, each by its own row of draws; the results are in [0,1]."""


@config
class InceptionColour(ColourTransform):
    """Brightness, then saturation, then a clip to [0,1]: the fast mode of Inception preprocessing.

    Order and numbers: google-research/s4l, inception_preprocessing.py; brightness first, no hue, no contrast.
    """

    brightness: float = 32 / 255
    """A shift uniform between minus and plus this."""
    min_saturation: float = 0.5
    max_saturation: float = 1.5
    """Limits of the factor on HSV saturation, uniform."""

    def __post_init__(self) -> None:
        if self.brightness < 0:
            raise ValueError("brightness: must not be negative")
        if not 0 <= self.min_saturation <= self.max_saturation:
            raise ValueError("min_saturation: 0 <= min_saturation <= max_saturation must hold")

    def draw(self, count: int, generator: np.random.Generator) -> Tensor:
        """Shift and factor for each of `count` frames, draws_B2."""
        low = torch.tensor([-self.brightness, self.min_saturation])
        high = torch.tensor([self.brightness, self.max_saturation])
        return low + (high - low) * torch.from_numpy(generator.random((count, 2), dtype=np.float32))

    def apply_(self, images_BCHW: Tensor, draws_BD: Tensor) -> None:
        """Shift, scale the saturation, clip; in place.

        TensorFlow scales S in HSV and clips it at 1. Hue and value V = max(R,G,B) stay, so every channel moves along
        its distance from V: x -> V - f (V - x), with f = min(factor, V / (V - min)) since S stops at 1. A pixel that
        the shift made negative throughout (V < 0) becomes black. No trip to HSV is needed.
        """
        shift_B111, factor_B111 = draws_BD[:, :, None, None, None].unbind(dim=1)
        red, green, blue = images_BCHW.unbind(dim=1)
        value_B1HW = torch.maximum(red, green).maximum(blue)[:, None]
        range_B1HW = torch.minimum(red, green).minimum(blue)[:, None].neg_().add_(value_B1HW).clamp_(min=_TINY)
        shifted_B1HW = value_B1HW + shift_B111
        scale_B1HW = shifted_B1HW.clamp(min=0).div_(range_B1HW).minimum(factor_B111)
        offset_B1HW = shifted_B1HW.addcmul_(value_B1HW, scale_B1HW, value=-1)
        images_BCHW.mul_(scale_B1HW).add_(offset_B1HW).clamp_(0, 1)


@config
class Augmentation:
    """What happens to every frame: crop and flip while loading, colour on the device."""

    crop: InceptionCrop = InceptionCrop()
    colour: tuple[ColourTransform, ...] = (InceptionColour(),)

    def on_device(self, frames_BCHW: Tensor, *, seed: int, step: int, first: int, total: int) -> Tensor:
        """Colour B frames and scale them to [-1,1].

        The random numbers of the whole global batch are drawn on the CPU and sliced, so ranks and chunks do not
        change them.

        Args:
            frames_BCHW: uint8 RGB; any memory format, any device.
            seed: the experiment's seed.
            step: the global step.
            first: position of the first of the B frames in the global batch.
            total: frames of the global batch.

        Returns:
            float32 images_BCHW in [-1,1] on the same device.
        """
        draws = [
            colour.draw(total, rng(seed, step=step, purpose=f"colour-{index}"))[first : first + len(frames_BCHW)]
            for index, colour in enumerate(self.colour)
        ]
        images_BCHW = torch.empty_like(frames_BCHW, dtype=torch.float32)
        for part in _parts(frames_BCHW):
            images_BCHW[part].copy_(frames_BCHW[part]).mul_(1 / 255)
            for colour, draws_BD in zip(self.colour, draws, strict=True):
                colour.apply_(images_BCHW[part], draws_BD[part].to(images_BCHW.device))
            images_BCHW[part].mul_(2).sub_(1)
        return images_BCHW


def _parts(frames_BCHW: Tensor) -> list[slice]:
    """The batch in parts of bounded size."""
    count = len(frames_BCHW)
    numbers = _CACHED if frames_BCHW.device.type == "cpu" else _BOUNDED
    size = max(1, numbers * count // max(frames_BCHW.numel(), 1))
    return [slice(start, start + size) for start in range(0, count, size)]

"""The colour half of augmentation: batched on the device, each frame or shot with its own random numbers."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vivi.core.config import config
from vivi.core.seeds import rng
from vivi.core.to_device import to_device
from vivi.data.crop import InceptionCrop

_TINY = 1e-12
_CACHED = 2**19
"""Numbers that a CPU colours at a time: they stay in its cache."""
_BOUNDED = 2**27
"""Numbers that an accelerator colours at a time: the temporaries stay small beside the batch."""


@config
class ColourTransform(ABC):
    """A random change of colour."""

    per_shot: ClassVar[bool] = False
    """Whether the frames of a shot share one draw."""

    @abstractmethod
    def draw(self, count: int, generator: np.random.Generator) -> Tensor:
        """Random numbers for `count` frames (shots where `per_shot`), draws_BD, float32, on the CPU."""

    @abstractmethod
    def apply_(self, images_BCHW: Tensor, draws_BD: Tensor) -> None:
        """Change images in place, each by its own row of draws.

        Args:
            images_BCHW: float32 RGB in [0,1], on any device; the results are in [0,1] too.
            draws_BD: on the CPU, so that which image gets what is known without waiting for the device.
        """


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
        shift_B111, factor_B111 = to_device(draws_BD, images_BCHW.device)[:, :, None, None, None].unbind(dim=1)
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
    standardise: bool = False
    """Give every image mean 0 and standard deviation 1 at the end."""

    def on_device(
        self, frames_BCHW: Tensor, *, seed: int, step: int, first: int, total: int, views: int, stream: str = ""
    ) -> Tensor:
        """Colour B frames and scale them to [-1,1], then standardise them if asked to.

        The random numbers of the whole global batch are drawn on the CPU and sliced, so ranks and chunks do not
        change them.

        Args:
            frames_BCHW: uint8 RGB; any memory format, any device.
            seed: the experiment's seed.
            step: the global step.
            first: position of the first of the B frames in the global batch.
            total: frames of the global batch.
            views: frames of a shot; they stand beside one another, and `first` and `total` are whole shots.
            stream: tells apart the batches of one step; other streams draw other numbers.

        Returns:
            float32 images_BCHW on the same device; in [-1,1] where they are not standardised.

        Raises:
            ValueError: `first` or `total` is no multiple of `views`.
        """
        if first % views or total % views:
            raise ValueError(f"views: first ({first}) and total ({total}) must be multiples of it, got {views}")
        draws = [
            _drawn(colour, rng(seed, step=step, purpose=f"{stream}colour-{index}"), total=total, views=views)
            for index, colour in enumerate(self.colour)
        ]
        images_BCHW = torch.empty_like(frames_BCHW, dtype=torch.float32)
        for part in _parts(frames_BCHW):
            rows = slice(first + part.start, first + min(part.stop, len(frames_BCHW)))
            images_BCHW[part].copy_(frames_BCHW[part]).mul_(1 / 255)
            for colour, draws_BD in zip(self.colour, draws, strict=True):
                colour.apply_(images_BCHW[part], draws_BD[rows])
            images_BCHW[part].mul_(2).sub_(1)
            if self.standardise:
                standardise_(images_BCHW[part])
        return images_BCHW


def _drawn(colour: ColourTransform, generator: np.random.Generator, *, total: int, views: int) -> Tensor:
    """The draws of `total` frames, draws_BD; those of a shot are equal where the transform draws once per shot."""
    if colour.per_shot:
        return colour.draw(total // views, generator).repeat_interleave(views, dim=0)
    return colour.draw(total, generator)


def standardise_(images: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 for every image ...CHW, in place, as `tf.image.per_image_standardization`.

    The deviation is at least 1 / sqrt(C H W), so an image of one colour becomes 0. Sums are of 64 bits: the order of
    summation, which depends on the size of a part, does not show in the result.
    """
    axes = (-3, -2, -1)
    images.sub_(images.mean(dim=axes, keepdim=True, dtype=torch.float64).to(images.dtype))
    variance = images.square().mean(dim=axes, keepdim=True, dtype=torch.float64)
    least = images.shape[-3:].numel() ** -0.5
    return images.div_(variance.sqrt_().clamp_(min=least).to(images.dtype))


def _parts(frames_BCHW: Tensor) -> list[slice]:
    """The batch in parts of bounded size."""
    count = len(frames_BCHW)
    numbers = _CACHED if frames_BCHW.device.type == "cpu" else _BOUNDED
    size = max(1, numbers * count // max(frames_BCHW.numel(), 1))
    return [slice(start, start + size) for start in range(0, count, size)]

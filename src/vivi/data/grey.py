"""Grey-scale images, as the exemplar baseline of Kolesnikov et al. has them."""

from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from vivi.core.config import config
from vivi.core.to_device import to_device
from vivi.data.augment import ColourTransform


@config
class GreyScale(ColourTransform):
    """The mean of red, green and blue in all three channels, with a probability, once for all frames of a shot.

    google/revisiting-self-supervised, preprocess.py (get_to_gray_preprocess) and config/exemplar/imagenet.sh, which
    asks for it before the copies of an image are made.
    """

    per_shot: ClassVar[bool] = True

    probability: Annotated[float, Field(ge=0, le=1)] = 0.66

    def draw(self, count: int, generator: np.random.Generator) -> Tensor:
        """Whether each of `count` shots turns grey, draws_B1 of 0 and 1."""
        return torch.from_numpy(generator.random((count, 1)) < self.probability).float()

    def apply_(self, images_BCHW: Tensor, draws_BD: Tensor) -> None:
        """Grey where the draw is 1; in place."""
        chosen = to_device(draws_BD[:, 0].nonzero()[:, 0], images_BCHW.device)
        red, green, blue = images_BCHW[chosen].unbind(dim=1)
        grey_BHW = red.add_(green).add_(blue).div_(3)
        for channel_BHW in images_BCHW.unbind(dim=1):
            channel_BHW.index_copy_(0, chosen, grey_BHW)

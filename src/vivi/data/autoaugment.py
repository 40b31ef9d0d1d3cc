"""AutoAugment with the two ImageNet policies that circulate; it takes the place of Inception's colour."""

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from vivi.core.config import config
from vivi.core.to_device import to_device
from vivi.data.augment import ColourTransform
from vivi.data.autoaugment_policies import PAPER, TPU_V0, Policy, Step

_SLOTS = 2


@config
class AutoAugment(ColourTransform):
    """One of 25 sub-policies for each image: two operations, each with its probability.

    Operations work on whole levels from 0 to 255: what comes in is rounded to them, and what comes out is on them.
    """

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """The sub-policies, each as likely as the others."""

    def draw(self, count: int, generator: np.random.Generator) -> Tensor:
        """For each of `count` frames the sub-policy, then for each operation if it is done and its sign: draws_B5."""
        chosen_B = torch.from_numpy(generator.integers(len(self.policy), size=count))
        uniform_B22 = torch.from_numpy(generator.random((count, _SLOTS, 2)))
        probabilities = [[step.probability for step in steps] for steps in self.policy]
        done_B2 = uniform_B22[:, :, 0] < torch.tensor(probabilities, dtype=torch.float64)[chosen_B]
        sign_B2 = torch.where(uniform_B22[:, :, 1] < 0.5, -1, 1)
        return torch.cat([chosen_B[:, None], torch.stack([done_B2, sign_B2], dim=2).flatten(1)], dim=1).float()

    def apply_(self, images_BCHW: Tensor, draws_BD: Tensor) -> None:
        """The first operation of every image, then the second; in place."""
        levels_BCHW = images_BCHW.mul_(255).round_()
        for slot in range(_SLOTS):
            done_B, sign_B = draws_BD[:, 1 + 2 * slot] > 0, draws_BD[:, 2 + 2 * slot]
            steps = tuple(steps[slot] for steps in self.policy)
            _take_steps_(levels_BCHW, steps, chosen_B=draws_BD[:, 0].long(), done_B=done_B, sign_B=sign_B)
        images_BCHW.mul_(1 / 255)


def _take_steps_(
    levels_BCHW: Tensor, steps: tuple[Step, ...], *, chosen_B: Tensor, done_B: Tensor, sign_B: Tensor
) -> None:
    """Take the chosen step with every image where it is to be done; all images of one operation together."""
    operations = list(dict.fromkeys(step.operation for step in steps))
    kinds_P = torch.tensor([operations.index(step.operation) for step in steps])
    arguments_P = torch.tensor([step.operation.argument(step.magnitude) for step in steps], dtype=torch.float64)
    for kind, operation in enumerate(operations):
        rows = (done_B & (kinds_P[chosen_B] == kind)).nonzero()[:, 0]
        if len(rows):
            arguments_B = arguments_P[chosen_B[rows]] * (sign_B[rows] if operation.signed else 1)
            there = to_device(rows, levels_BCHW.device)
            levels_BCHW[there] = operation.change(levels_BCHW[there], arguments_B)


@config
class AutoAugmentImageNet(AutoAugment):
    """The ImageNet policy of the AutoAugment paper, with Pillow's operations.

    Sub-policies: Table 9 of Cubuk et al., as in timm/data/auto_augment.py ("original") and torchvision's IMAGENET.
    Arguments: timm's, which divide the ranges in the paper's list of operations into tenths; so posterize and solarize
    grow weaker with the magnitude, and colour, contrast and sharpness go from 0.1 to 1.9. (torchvision and
    DeepVoltaire/AutoAugment divide into ninths, reverse posterize and solarize, and give the factors a random sign
    about 1.) Pixels: nearest neighbour, grey 128 where the image ends. (timm draws bilinear or bicubic, torchvision
    fills with 0.)
    """

    @property
    def policy(self) -> Policy:
        """25 lines, of which 5 stand there twice."""
        return PAPER


@config
class AutoAugmentV0(AutoAugment):
    """The policy "v0" of the EfficientNet code for TPUs, with that file's operations.

    tensorflow/tpu, models/official/efficientnet/autoaugment.py. Two of its numbers are at an edge. Posterize at
    magnitude 2 asks for 0 bits; TensorFlow's kernel (tensorflow/core/kernels/cwise_ops.h) shifts by 7 at most, so 1
    bit stays. Solarize at magnitude 10 has the threshold 256, which no level reaches: nothing happens. Translations are
    250 pixels at magnitude 10 whatever the size of the image, so the one at 9 leaves nothing of 224 pixels.
    """

    @property
    def policy(self) -> Policy:
        """25 different lines."""
        return TPU_V0

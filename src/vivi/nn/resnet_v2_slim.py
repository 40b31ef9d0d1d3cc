"""TF-Slim's ResNet v2 up to its third block: the network of the prior works Motion Segmentation and Multi-Task SSL.

It differs from `ResNetV2` in where it strides (the last unit of a block, identity shortcut subsampled), in its
max-pooling ("SAME"), in the biases of the root, the projections and the last convolution of a unit, and in its input.

Sources: tensorflow/models research/slim/nets/resnet_v2.py and resnet_utils.py; which layer is the representation, the
epsilon and the input: README of google-deepmind/multiself. Paper, section 4, Baselines: "ResNet-101 up to block 3".
"""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivi.core.config import config
from vivi.nn.encoder import Encoder, TimmForm
from vivi.nn.norm import BatchNorm, Norm
from vivi.nn.vgg import MeanSubtracted

Depth = Literal[26, 50, 101]
SLIM_UNITS: dict[Depth, tuple[int, ...]] = {26: (2, 2, 2), 50: (3, 4, 6), 101: (3, 4, 23)}
"""Units of the three blocks, by depth."""
_ROOT = 64
_EXPANSION = 4
_WIDENED = 1.3
"""By what slim's variance_scaling_initializer makes up for the variance that the cut-off takes."""


@config
class SlimResNetV2(Encoder):
    """Blocks 1 to 3 of TF-Slim's resnet_v2_101 (or 50, or a small 26), stride 32.

    The features are the average over height and width of the output of block 3 as it is: the published network has no
    norm trained on top of it.
    """

    depth: Depth = 101
    width: float = 1.0
    """Factor on the channels of every layer; a multiple of 1/8."""
    norm: BatchNorm = BatchNorm(momentum=0.003, eps=1e-5)

    def __post_init__(self) -> None:
        if not 0.125 <= self.width <= 16 or self.width % 0.125:
            raise ValueError(f"width: must be a multiple of 0.125 from 0.125 to 16, got {self.width}")

    @property
    def feature_dim(self) -> int:
        """D: 1024 * width."""
        return self.block_channels[-1]

    @property
    def root_channels(self) -> int:
        """Channels of the first convolution: 64 * width."""
        return int(_ROOT * self.width)

    @property
    def block_channels(self) -> tuple[int, ...]:
        """Output channels of the three blocks."""
        return tuple(self.root_channels * _EXPANSION * 2**block for block in range(3))

    def build(self, *, generator: torch.Generator | None = None) -> nn.Module:
        """A new `SlimResNetV2Module`; kernels normal by fan-in, cut off at two deviations, as slim; biases 0."""
        module = SlimResNetV2Module(self)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                std = (_WIDENED * 2 / layer.weight[0].numel()) ** 0.5
                nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        return module

    def timm_form(self) -> TimmForm | None:
        """None: timm has no such network."""
        return None

    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors."""
        return dict(tensors)

    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors."""
        return dict(tensors)


class SlimResNetV2Module(nn.Module):
    """images_BCHW (float, RGB in [-1, 1]) -> features_BD (float32 under autocast)."""

    def __init__(self, net: SlimResNetV2) -> None:
        super().__init__()
        self.feature_dim = net.feature_dim
        self.input = MeanSubtracted()
        self.root = nn.Conv2d(3, net.root_channels, 7, stride=2, padding=3)
        widths = pairwise((net.root_channels, *net.block_channels))
        counts = SLIM_UNITS[net.depth]
        blocks = [_block(*width, count=count, norm=net.norm) for width, count in zip(widths, counts, strict=True)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """The average of the last unit's output; no norm, no ReLU."""
        x = self.blocks(_same_max_pool(self.root(self.input(images_BCHW))))
        return x.mean(dim=(2, 3), dtype=torch.promote_types(x.dtype, torch.float32))  # type: ignore[no-any-return]


class SlimUnit(nn.Module):
    """Norm and ReLU, 1x1, norm and ReLU, 3x3 with the stride, norm and ReLU, 1x1 with bias; plus the shortcut."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, norm: Norm) -> None:
        super().__init__()
        middle, self.stride = outputs // _EXPANSION, stride
        self.preact = norm.layer(inputs)
        self.conv1 = norm.convolution(inputs, middle, kernel=1)
        self.norm1 = norm.layer(middle)
        self.conv2 = norm.convolution(middle, middle, kernel=3, stride=stride)
        self.norm2 = norm.layer(middle)
        self.conv3 = nn.Conv2d(middle, outputs, 1)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """BCHW -> BCHW; an identity shortcut keeps every stride-th row and column."""
        ready = F.relu(self.preact(x), inplace=True)
        shortcut = x[:, :, :: self.stride, :: self.stride] if self.shortcut is None else self.shortcut(ready)
        y = self.conv2(F.relu(self.norm1(self.conv1(ready)), inplace=True))
        y = self.conv3(F.relu(self.norm2(y), inplace=True))
        return y + shortcut  # type: ignore[no-any-return]


def _block(inputs: int, outputs: int, *, count: int, norm: Norm) -> nn.Sequential:
    """Units of the same width; the last one carries the stride."""
    units = [
        SlimUnit(outputs if unit else inputs, outputs, stride=2 if unit == count - 1 else 1, norm=norm)
        for unit in range(count)
    ]
    return nn.Sequential(OrderedDict((f"unit{number}", unit) for number, unit in enumerate(units, start=1)))


def _same_max_pool(x: Tensor) -> Tensor:
    """3x3 maxima with stride 2, TensorFlow's "SAME": an even side is padded at its end only."""
    left, top = (side % 2 for side in (x.shape[3], x.shape[2]))
    return F.max_pool2d(F.pad(x, (left, 1, top, 1), value=-torch.inf), 3, stride=2)

"""ResNet v2: the pre-activation residual network, layer by layer as in the code bases the paper builds on.

Source: google/revisiting-self-supervised models/resnet.py (v2 path). Parameter names and shapes are those of timm's
`resnetv2_*` models with `stem_type="fixed"`.
"""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivi.core.config import config
from vivi.nn.encoder import Encoder, TimmForm
from vivi.nn.norm import TIMM_NORM_EPS, BatchNorm, GroupNormWS, Norm
from vivi.nn.recompute import Blocks

_LAYERS = {18: (2, 2, 2, 2), 26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_STRIDES = (1, 2, 2, 2)
_ROOT = 64
_EXPANSION = 4
_TIMM_GROUPS = 32


@config
class ResNetV2(Encoder):
    """ResNet v2 of depth 18 (basic blocks), 26, 50 or 101 (bottlenecks)."""

    depth: Literal[18, 26, 50, 101] = 50
    width: float = 1.0
    """Factor on the channels of every layer, the root included; a multiple of 1/8."""
    norm: Norm = BatchNorm()

    def __post_init__(self) -> None:
        if not 0.125 <= self.width <= 16 or self.width % 0.125:
            raise ValueError(f"width: must be a multiple of 0.125 from 0.125 to 16, got {self.width}")

    @property
    def feature_dim(self) -> int:
        """D: 2048 * width (512 * width for basic blocks)."""
        return self.stage_channels[-1]

    @property
    def root_channels(self) -> int:
        """Channels of the first convolution: 64 * width."""
        return int(_ROOT * self.width)

    @property
    def stage_channels(self) -> tuple[int, ...]:
        """Output channels of the four stages."""
        expansion = 1 if self.depth == 18 else _EXPANSION
        return tuple(self.root_channels * expansion * 2**stage for stage in range(4))

    def build(self, *, generator: torch.Generator | None = None) -> nn.Module:
        """A new `ResNetV2Module`; kernels Glorot uniform as TensorFlow's default, norm scale 1 and shift 0."""
        module = ResNetV2Module(self)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
        return module

    def timm_form(self) -> TimmForm | None:
        """A `resnetv2_*` model for batch norm, a `resnetv2_*_bit` model for group norm where timm's fits."""
        if isinstance(self.norm, BatchNorm):
            return _plain_form(self)
        if isinstance(self.norm, GroupNormWS):
            return _bit_form(self, self.norm)
        return None

    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Carries the difference between our epsilons and timm's in the tensors."""
        return self.norm.to_timm(tensors)

    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Takes that difference out again."""
        return self.norm.from_timm(tensors)


def _plain_form(net: ResNetV2) -> TimmForm:
    arguments: dict[str, Any] = {"stem_type": "fixed"}
    if net.width != 1:
        arguments["width_factor"] = net.width
    if net.depth == 26:
        arguments["layers"] = list(_LAYERS[26])
    name = "resnetv2_50" if net.depth == 26 else f"resnetv2_{net.depth}"
    return TimmForm(name, arguments, net.norm.timm_restore)


def _bit_form(net: ResNetV2, norm: GroupNormWS) -> TimmForm | None:
    """None where timm's fixed 32 groups, epsilon and numbers of layers do not give this network."""
    same_groups = norm.groups == _TIMM_GROUPS and net.root_channels % _TIMM_GROUPS == 0
    if net.depth not in (50, 101) or norm.eps != TIMM_NORM_EPS or not same_groups:
        return None
    if net.width in (1, 3):
        return TimmForm(f"resnetv2_{net.depth}x{int(net.width)}_bit", {}, norm.timm_restore)
    wide = {"stem_chs": net.root_channels, "channels": list(net.stage_channels)}
    return TimmForm(f"resnetv2_{net.depth}x1_bit", wide, norm.timm_restore)


class ResNetV2Module(nn.Module):
    """images_BCHW (float, RGB in [-1, 1]) -> features_BD (float32 under autocast)."""

    def __init__(self, net: ResNetV2) -> None:
        super().__init__()
        self.feature_dim = net.feature_dim
        # No norm and no ReLU after the root, and zeros around the pooled map, not minus infinity.
        root = net.norm.convolution(3, net.root_channels, kernel=7, stride=2)
        self.stem = nn.Sequential(OrderedDict(conv=root, pad=nn.ZeroPad2d(1), pool=nn.MaxPool2d(3, stride=2)))
        block = BasicBlock if net.depth == 18 else Bottleneck
        widths = pairwise((net.root_channels, *net.stage_channels))
        plan = zip(widths, _LAYERS[net.depth], _STRIDES, strict=True)
        self.stages = nn.Sequential(
            *(Stage(*width, block=block, depth=depth, stride=stride, norm=net.norm) for width, depth, stride in plan)
        )
        self.norm = net.norm.layer(net.feature_dim)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Final norm, ReLU and the average over height and width."""
        x = F.relu(self.norm(self.stages(self.stem(images_BCHW))), inplace=True)
        return x.mean(dim=(2, 3), dtype=torch.promote_types(x.dtype, torch.float32))


class Stage(nn.Module):
    """Blocks of the same width; the first one carries the stride."""

    def __init__(
        self, inputs: int, outputs: int, *, block: "type[Bottleneck | BasicBlock]", depth: int, stride: int, norm: Norm
    ) -> None:
        super().__init__()
        first = block(inputs, outputs, stride=stride, norm=norm)
        self.blocks = Blocks(first, *(block(outputs, outputs, stride=1, norm=norm) for _ in range(depth - 1)))

    def forward(self, x: Tensor) -> Tensor:
        """BCHW -> BCHW."""
        return self.blocks(x)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1; norm and ReLU before each. The projection takes the pre-activated input."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, norm: Norm) -> None:
        super().__init__()
        middle = outputs // _EXPANSION
        self.norm1 = norm.layer(inputs)
        self.conv1 = norm.convolution(inputs, middle, kernel=1)
        self.norm2 = norm.layer(middle)
        self.conv2 = norm.convolution(middle, middle, kernel=3, stride=stride)
        self.norm3 = norm.layer(middle)
        self.conv3 = norm.convolution(middle, outputs, kernel=1)
        self.downsample = _projection(inputs, outputs, stride=stride, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """BCHW -> BCHW."""
        ready = F.relu(self.norm1(x), inplace=True)
        shortcut = x if self.downsample is None else self.downsample(ready)
        y = self.conv2(F.relu(self.norm2(self.conv1(ready)), inplace=True))
        y = self.conv3(F.relu(self.norm3(y), inplace=True))
        return y + shortcut  # type: ignore[no-any-return]


class BasicBlock(nn.Module):
    """3x3 with the stride, 3x3; norm and ReLU before each. The projection takes the pre-activated input."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, norm: Norm) -> None:
        super().__init__()
        self.norm1 = norm.layer(inputs)
        self.conv1 = norm.convolution(inputs, outputs, kernel=3, stride=stride)
        self.norm2 = norm.layer(outputs)
        self.conv2 = norm.convolution(outputs, outputs, kernel=3)
        self.downsample = _projection(inputs, outputs, stride=stride, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """BCHW -> BCHW."""
        ready = F.relu(self.norm1(x), inplace=True)
        shortcut = x if self.downsample is None else self.downsample(ready)
        y = self.conv2(F.relu(self.norm2(self.conv1(ready)), inplace=True))
        return y + shortcut  # type: ignore[no-any-return]


def _projection(inputs: int, outputs: int, *, stride: int, norm: Norm) -> nn.Module | None:
    """A 1x1 convolution where the shape changes, without a norm after it; else None, the identity."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(OrderedDict(conv=norm.convolution(inputs, outputs, kernel=1, stride=stride)))

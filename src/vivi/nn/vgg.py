"""VGG-16, the network of the prior work Transitive Invariance that the paper compares with (section 4, Baselines).

Source: configuration D of Simonyan and Zisserman 2015, as in its Caffe prototxt (VGG_ILSVRC_16_layers): 3x3
convolutions with bias, padded by one, ReLU after each; max-pooling of 2x2 with stride 2, rounded up.
"""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from vivi.core.config import config
from vivi.nn.encoder import Encoder, TimmForm

IMAGENET_MEAN = (123.68, 116.779, 103.939)
"""Red, green and blue, of 255: what networks of the Caffe tradition subtract."""
VGG16_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels (at width 1) of each block."""
_GRID = 7


@config
class VGG16(Encoder):
    """VGG-16 without its classifier. The features are the average over height and width of pool5.

    The paper names the network, not the layer that represents an image; with `fully_connected` it is fc7.
    """

    width: float = 1.0
    """Factor on the channels of every convolution; a multiple of 1/8."""
    fully_connected: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Outputs of fc6, fc7, ... ((4096, 4096) in the original), each with ReLU, after pool5; images are then 224 x 224.
    Their dropout is left out."""

    def __post_init__(self) -> None:
        if not 0.125 <= self.width <= 16 or self.width % 0.125:
            raise ValueError(f"width: must be a multiple of 0.125 from 0.125 to 16, got {self.width}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Output channels of the five blocks."""
        return tuple(int(channels * self.width) for _, channels in VGG16_BLOCKS)

    @property
    def feature_dim(self) -> int:
        """D: 512 * width, or what the last fully connected layer gives."""
        return (self.channels[-1], *self.fully_connected)[-1]

    def build(self, *, generator: torch.Generator | None = None) -> nn.Module:
        """A new `VGG16Module`; weights Glorot uniform as Caffe's "xavier", biases 0."""
        module = VGG16Module(self)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)
        return module

    def timm_form(self) -> TimmForm | None:
        """None: timm's vgg16 gives other features and takes other inputs."""
        return None

    def to_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors."""
        return dict(tensors)

    def from_timm(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors."""
        return dict(tensors)


class MeanSubtracted(nn.Module):
    """images_BCHW (RGB in [-1, 1]) -> RGB in [0, 255] less ImageNet's mean colour. Buffers, no parameters."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.full((3, 1, 1), 127.5))
        self.register_buffer("shift", torch.tensor([127.5 - mean for mean in IMAGENET_MEAN]).view(3, 1, 1))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """The same shape."""
        return images_BCHW * self.scale + self.shift


class VGG16Module(nn.Module):
    """images_BCHW (float, RGB in [-1, 1]) -> features_BD (float32 under autocast).

    Raises:
        ValueError: on a pass with fully connected layers, the images are not 224 x 224.
    """

    def __init__(self, net: VGG16) -> None:
        super().__init__()
        self.feature_dim = net.feature_dim
        self.input = MeanSubtracted()
        plan = zip(VGG16_BLOCKS, pairwise((3, *net.channels)), strict=True)
        self.blocks = nn.ModuleDict(
            {f"conv{number}": _block(count, *widths) for number, ((count, _), widths) in enumerate(plan, start=1)}
        )
        sizes = pairwise((net.channels[-1] * _GRID**2, *net.fully_connected))
        self.dense = nn.ModuleDict({f"fc{number}": nn.Linear(*each) for number, each in enumerate(sizes, start=6)})

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Five blocks, each ending in max-pooling, then the average or the fully connected layers."""
        x = self.input(images_BCHW)
        for block in self.blocks.values():
            x = F.max_pool2d(block(x), 2, stride=2, ceil_mode=True)
        if not self.dense:
            return x.mean(dim=(2, 3), dtype=torch.promote_types(x.dtype, torch.float32))  # type: ignore[no-any-return]
        if x.shape[2:] != (_GRID, _GRID):
            raise ValueError(
                f"VGG-16 with fully connected layers takes 224 x 224 images, got {images_BCHW.shape[2]} x "
                f"{images_BCHW.shape[3]}: leave fully_connected empty, or resize them"
            )
        x = x.flatten(1)
        for layer in self.dense.values():
            x = F.relu(layer(x), inplace=True)
        return x.to(torch.promote_types(x.dtype, torch.float32))  # type: ignore[no-any-return]


def _block(count: int, inputs: int, outputs: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number in range(1, count + 1):
        layers[str(number)] = nn.Conv2d(inputs if number == 1 else outputs, outputs, 3, padding=1)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
    return nn.Sequential(layers)

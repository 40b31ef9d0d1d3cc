"""Layouts of the ResNet v2 that vivi trains itself: Big Transfer, S4L and VTAB's hub modules, and their ancestor.

Sources: google-research/big_transfer (bit_pytorch/models.py), google-research/s4l and google/revisiting-self-supervised
(both models/resnet.py).
"""

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import ClassVar, Literal

from vivi.convert.layout import HWIO, Layout, Origin, depth_of, units_of, width_of
from vivi.convert.variables import Variables
from vivi.core.errors import CheckpointError
from vivi.nn.encoder import Encoder
from vivi.nn.norm import BatchNorm, GroupNormWS, Norm
from vivi.nn.resnet_v2 import ResNetV2

_Depth = Literal[18, 26, 50, 101]
_UNITS: dict[_Depth, tuple[int, ...]] = {26: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_LEAVES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_TENSOR = re.compile(r"stages\.(?P<stage>\d+)\.blocks\.(?P<block>\d+)\.(?P<part>.+)\.(?P<leaf>\w+)")
_NORMS_OF_A_UNIT = 3
_TRUNK = r"root_block/|block\d+/|batch_normalization|group_norm"


class ScopedResNet(Layout):
    """A variable scope for each unit and each of its convolutions."""

    heads = re.compile(rf"(?!{_TRUNK})[^/]+(/[^/]+)?/(kernel|bias)")
    norm: ClassVar[Norm]
    convolution: ClassVar[str]
    normalisation: ClassVar[str]
    unit: ClassVar[str]
    """How a unit is named, given its number."""
    parts: ClassVar[dict[str, str]]
    """From our parts of a unit to their scopes in it, without the layer's own name."""

    def plan(self, variables: Variables) -> tuple[Encoder, Callable[[str], Origin]]:
        """A `ResNetV2` of depth 26, 50 or 101, and the scopes of block, unit and convolution."""
        root = f"root_block/{self.convolution}/kernel"
        counts = units_of(variables, r"block(\d+)/unit(\d+)/", blocks=4)
        width = width_of(variables.get(root), what=root)
        return ResNetV2(depth=depth_of(counts, _UNITS), width=width, norm=self.norm), self._origin

    def _origin(self, tensor: str) -> Origin:
        if tensor == "stem.conv.weight":
            return Origin(f"root_block/{self.convolution}/kernel", HWIO)
        inside = _TENSOR.fullmatch(tensor)
        if inside is None:
            return Origin(f"{self.normalisation}/{_LEAVES[tensor.removeprefix('norm.')]}")
        unit = self.unit.format(int(inside["block"]) + 1)
        scope = f"block{int(inside['stage']) + 1}/{unit}/{self.parts[inside['part']]}"
        if inside["part"].startswith("norm"):
            return Origin(f"{scope}{self.normalisation}/{_LEAVES[inside['leaf']]}")
        return Origin(f"{scope}{self.convolution}/kernel", HWIO)


class BigTransfer(ScopedResNet):
    """BiT's R50x1, R50x3, R101x1, ..., with group norm and weight-standardised convolutions; heads are left out."""

    name = "bit"
    title = "Big Transfer (BiT): ResNet v2 with group norm and weight standardisation"
    anchor = r"root_block/standardized_conv2d(_\d+)?/kernel"
    norm = GroupNormWS()
    convolution, normalisation, unit = "standardized_conv2d", "group_norm", "unit{:02d}"
    parts: ClassVar = {
        "norm1": "a/", "norm2": "b/", "norm3": "c/", "conv1": "a/", "conv2": "b/", "conv3": "c/",
        "downsample.conv": "a/proj/",
    }  # fmt: skip

    def tidied(self, name: str) -> str:
        """Some published files number their convolutions."""
        return re.sub(r"/standardized_conv2d_\d+/", "/standardized_conv2d/", name)


class S4L(ScopedResNet):
    """S4L's and VTAB's networks, with batch norm; the norm before a unit stands in the unit's own scope."""

    name = "s4l"
    title = "S4L and VTAB hub modules: ResNet v2 with batch norm"
    anchor = "root_block/conv2d/kernel"
    norm = BatchNorm()
    convolution, normalisation, unit = "conv2d", "batch_normalization", "unit{}"
    parts: ClassVar = {
        "norm1": "", "norm2": "b/", "norm3": "c/", "conv1": "a/", "conv2": "b/", "conv3": "c/",
        "downsample.conv": "proj/",
    }  # fmt: skip


class Revisiting(Layout):
    """The ancestor without scopes: layers are numbered as they were made, conv2d, conv2d_1, ..., heads last."""

    name = "rss"
    title = "Revisiting Self-Supervised Learning: ResNet v2 with batch norm, layers numbered"
    anchor = "conv2d/kernel"
    heads = re.compile(r"(?!conv2d|batch_normalization)[^/]+(/[^/]+)?/(kernel|bias)")

    def scopes(self, names: Collection[str]) -> tuple[str, ...]:
        """As for every layout, but there must be a second convolution."""
        return tuple(scope for scope in super().scopes(names) if f"{scope}conv2d_1/kernel" in names)

    def plan(self, variables: Variables) -> tuple[Encoder, Callable[[str], Origin]]:
        """A `ResNetV2`, its depth known from the number of norms, and the order in which layers were made."""
        norms = sum(re.fullmatch(r"batch_normalization(_\d+)?/gamma", name) is not None for name in variables)
        width = width_of(variables.get("conv2d/kernel"), what="conv2d/kernel")
        for depth, units in _UNITS.items():
            if norms == _NORMS_OF_A_UNIT * sum(units) + 1:
                return ResNetV2(depth=depth, width=width, norm=BatchNorm()), partial(_flat, _numbered(units))
        raise CheckpointError(f"it has {norms} batch norms, a ResNet v2 of depth 26, 50 or 101 has 25, 49 or 100")

    def left_out(self, variables: Variables) -> set[str]:
        """Convolutions of the network have no bias, those of heads do."""
        biased = [name.removesuffix("bias") for name in variables if re.fullmatch(r"conv2d_\d+/bias", name)]
        return super().left_out(variables) | {each + leaf for each in biased for leaf in ("kernel", "bias")}


def _flat(numbered: dict[str, str], tensor: str) -> Origin:
    layer, _, leaf = tensor.rpartition(".")
    name = numbered[layer]
    return Origin(f"{name}/kernel", HWIO) if name.startswith("conv2d") else Origin(f"{name}/{_LEAVES[leaf]}")


def _numbered(units: tuple[int, ...]) -> dict[str, str]:
    """From our layers to their numbered names: in a unit the norm, the projection, and then in turn."""
    convolutions, norms = ["stem.conv"], []
    for stage, count in enumerate(units):
        for block in range(count):
            unit = f"stages.{stage}.blocks.{block}"
            norms += [f"{unit}.norm{number}" for number in (1, 2, 3)]
            convolutions += [f"{unit}.downsample.conv"] if block == 0 else []
            convolutions += [f"{unit}.conv{number}" for number in (1, 2, 3)]
    norms.append("norm")
    return {
        **{layer: f"conv2d_{index}" if index else "conv2d" for index, layer in enumerate(convolutions)},
        **{layer: f"batch_normalization_{i}" if i else "batch_normalization" for i, layer in enumerate(norms)},
    }

"""Layouts of the prior works that the paper compares with (section 4, Baselines).

Sources: tensorflow/models research/slim/nets/resnet_v2.py for the names of Motion Segmentation and Multi-Task SSL
(google-deepmind/multiself); the prototxt of VGG_ILSVRC_16_layers for those of Transitive Invariance.
"""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vivi.convert.layout import HWIO, Layout, Origin, depth_of, units_of, width_of
from vivi.convert.variables import Variables
from vivi.core.errors import CheckpointError
from vivi.nn.encoder import Encoder
from vivi.nn.resnet_v2_slim import SLIM_UNITS, SlimResNetV2
from vivi.nn.vgg import VGG16

_LEAVES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_UNIT = re.compile(r"blocks\.(?P<block>\d+)\.unit(?P<unit>\d+)\.(?P<layer>\w+)\.(?P<leaf>\w+)")


class Slim(Layout):
    """TF-Slim's ResNet v2 up to block 3; block 4, the norm after it and the classifier are left out."""

    name = "slim"
    title = "TF-Slim's ResNet v2 up to block 3 (Motion Segmentation, Multi-Task SSL)"
    anchor = "block1/unit_1/bottleneck_v2/conv1/weights"
    heads = re.compile(r"(block4|postnorm|logits)/.+")

    def plan(self, variables: Variables) -> tuple[Encoder, Callable[[str], Origin]]:
        """A `SlimResNetV2` of depth 26, 50 or 101, and the scopes of block, unit and layer."""
        counts = units_of(variables, r"block(\d+)/unit_(\d+)/", blocks=3)
        width = width_of(variables.get("conv1/weights"), what="conv1/weights")
        return SlimResNetV2(depth=depth_of(counts, SLIM_UNITS), width=width), _slim_origin


def _slim_origin(tensor: str) -> Origin:
    """A norm after a convolution stands in its scope."""
    inside = _UNIT.fullmatch(tensor)
    if inside is None:
        return _convolution("conv1", tensor.removeprefix("root."))
    scope = f"block{int(inside['block']) + 1}/unit_{inside['unit']}/bottleneck_v2"
    layer, leaf = inside["layer"], inside["leaf"]
    if layer == "preact":
        return Origin(f"{scope}/preact/{_LEAVES[leaf]}")
    if layer.startswith("norm"):
        return Origin(f"{scope}/conv{layer.removeprefix('norm')}/BatchNorm/{_LEAVES[leaf]}")
    return _convolution(f"{scope}/{layer}", leaf)


def _convolution(scope: str, leaf: str) -> Origin:
    return Origin(f"{scope}/weights", HWIO) if leaf == "weight" else Origin(f"{scope}/biases")


class CaffeVGG16(Layout):
    """Caffe's VGG-16: conv1_1 to conv5_3; fully connected layers (fc...) are left out.

    Its first convolution takes blue, green, red; ours takes red, green, blue, so its filters are turned around.
    """

    name = "caffe-vgg16"
    title = "Caffe's VGG-16 (Transitive Invariance), features pool5"
    anchor = "conv1_1/weight"
    heads = re.compile(r"fc[^/]*/\w+")

    def plan(self, variables: Variables) -> tuple[Encoder, Callable[[str], Origin]]:
        """A `VGG16` without fully connected layers."""
        return VGG16(width=_width(variables)), _vgg_origin


class CaffeVGG16Dense(CaffeVGG16):
    """The same with fc6 and fc7, whose output is then the feature; only where asked for by name."""

    name = "caffe-vgg16-fc7"
    title = "Caffe's VGG-16 (Transitive Invariance), features fc7"

    def plan(self, variables: Variables) -> tuple[Encoder, Callable[[str], Origin]]:
        """A `VGG16` with the two fully connected layers of the file.

        Raises:
            CheckpointError: the file has no fc6 or no fc7.
        """
        sizes = tuple(_outputs(variables.get(f"{name}/bias"), name) for name in ("fc6", "fc7"))
        return VGG16(width=_width(variables), fully_connected=sizes), _vgg_origin


def _vgg_origin(tensor: str) -> Origin:
    """By the numbers of block and convolution, or the name of the fully connected layer."""
    kind, block, *rest = tensor.split(".")
    if kind == "dense":
        return Origin(f"{block}/{rest[-1]}")
    layer = f"{block}_{rest[0]}"
    return Origin(f"{layer}/{rest[-1]}", reversed_inputs=(layer, rest[-1]) == ("conv1_1", "weight"))


def _width(variables: Variables) -> float:
    """From the outputs of conv1_1, Caffe's first axis."""
    root = variables.get("conv1_1/weight")
    return width_of(None if root is None else root.T, what="conv1_1/weight")


def _outputs(bias: NDArray[np.generic] | None, name: str) -> int:
    if bias is None:
        raise CheckpointError(f"the variable {name}/bias is missing: convert with the layout {CaffeVGG16.name}")
    return int(bias.size)

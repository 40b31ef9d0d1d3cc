"""The encoder against a slow restatement in numpy, float64, written from the paper's ancestors' description."""

import numpy as np
import pytest
import torch
from torch import nn

from vivi.core import config
from vivi.core.errors import ConfigError
from vivi.nn.norm import BatchNorm, GroupedBatchNorm, GroupNormWS, Norm
from vivi.nn.resnet_v2 import ResNetV2


class SlowNet:
    """The forward pass in evaluation, from the tensors by their names."""

    def __init__(self, module: nn.Module, norm: Norm) -> None:
        self.tensors = {name: value.double().numpy() for name, value in module.state_dict().items()}
        self.norm_config = norm

    def __call__(self, x):
        x = self.conv("stem.conv", np.pad(x, ((0, 0), (0, 0), (3, 3), (3, 3))), stride=2)
        x = self.pool(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))))
        for stage in range(4):
            for block in range(2):
                stride = 2 if stage > 0 and block == 0 else 1
                x = self.block(f"stages.{stage}.blocks.{block}", x, stride)
        return np.maximum(self.norm("norm", x), 0).mean(axis=(2, 3))

    def block(self, name, x, stride):
        ready = np.maximum(self.norm(f"{name}.norm1", x), 0)
        projection = f"{name}.downsample.conv"
        shortcut = self.conv(projection, ready, stride=stride) if f"{projection}.weight" in self.tensors else x
        bottleneck = f"{name}.conv3.weight" in self.tensors
        pad = ((0, 0), (0, 0), (1, 1), (1, 1))
        if not bottleneck:
            y = self.conv(f"{name}.conv1", np.pad(ready, pad), stride=stride)
            y = np.maximum(self.norm(f"{name}.norm2", y), 0)
            return shortcut + self.conv(f"{name}.conv2", np.pad(y, pad), stride=1)
        y = np.maximum(self.norm(f"{name}.norm2", self.conv(f"{name}.conv1", ready, stride=1)), 0)
        y = self.conv(f"{name}.conv2", np.pad(y, pad), stride=stride)
        y = np.maximum(self.norm(f"{name}.norm3", y), 0)
        return shortcut + self.conv(f"{name}.conv3", y, stride=1)

    def conv(self, name, x, *, stride):
        weight = self.tensors[f"{name}.weight"]
        if isinstance(self.norm_config, GroupNormWS):
            weight = np.stack([(w - w.mean()) / np.sqrt(w.var() + self.norm_config.weight_eps) for w in weight])
        size = weight.shape[-1]
        height, width = ((side - size) // stride + 1 for side in x.shape[2:])
        out = np.zeros((x.shape[0], weight.shape[0], height, width))
        for i in range(height):
            for j in range(width):
                patch = x[:, :, i * stride : i * stride + size, j * stride : j * stride + size]
                out[:, :, i, j] = np.tensordot(patch, weight, axes=((1, 2, 3), (1, 2, 3)))
        return out

    def norm(self, name, x):
        scale, shift = (self.tensors[f"{name}.{part}"][None, :, None, None] for part in ("weight", "bias"))
        if isinstance(self.norm_config, BatchNorm):
            mean, variance = (self.tensors[f"{name}.running_{p}"][None, :, None, None] for p in ("mean", "var"))
            return (x - mean) / np.sqrt(variance + self.norm_config.eps) * scale + shift
        out, groups = np.empty_like(x), np.gcd(self.norm_config.groups, x.shape[1])
        for image in range(len(x)):
            for channels in np.split(np.arange(x.shape[1]), groups):
                part = x[image, channels]
                out[image, channels] = (part - part.mean()) / np.sqrt(part.var() + self.norm_config.eps)
        return out * scale + shift

    @staticmethod
    def pool(x):
        height, width = ((side - 3) // 2 + 1 for side in x.shape[2:])
        out = np.empty((*x.shape[:2], height, width))
        for i in range(height):
            for j in range(width):
                out[:, :, i, j] = x[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max(axis=(2, 3))
        return out


def shaken(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """Every vector moved away from its start, so that no scale, shift or running average goes unseen."""
    for name, tensor in module.state_dict().items():
        if tensor.ndim == 1:
            positive = name.endswith(("weight", "running_var"))
            tensor.uniform_(0.5 if positive else -0.5, 1.5 if positive else 0.5, generator=generator)
    return module


@pytest.mark.parametrize("norm", [BatchNorm(), GroupNormWS()])
@pytest.mark.parametrize("depth", [18, 26])
@pytest.mark.parametrize("size", [(32, 32), (40, 56)])
def test_forward_equals_the_slow_restatement(depth, norm, size):
    generator = torch.Generator().manual_seed(depth)
    module = ResNetV2(depth=depth, width=0.125, norm=norm).build(generator=generator)
    module = shaken(module, generator).double().eval()
    images = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        np.testing.assert_allclose(module(images), SlowNet(module, norm)(images.numpy()), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("width", "parameters"), [(1.0, 23_500_352), (3.0, 211_174_080)])
@pytest.mark.parametrize("norm", [BatchNorm(), GroupNormWS()])
def test_parameter_counts_of_the_paper(width, parameters, norm):
    with torch.device("meta"):
        module = ResNetV2(depth=50, width=width, norm=norm).build()
    assert sum(each.numel() for each in module.parameters()) == parameters
    assert module.feature_dim == ResNetV2(width=width).feature_dim == 2048 * width


def test_border_of_the_pool_is_zero_not_minus_infinity():
    module = ResNetV2(depth=18, width=0.125).build()
    nn.init.constant_(module.stem.conv.weight, 1.0)
    with torch.no_grad():
        pooled = module.stem(-torch.ones(1, 3, 32, 32))
    assert (pooled[..., 0, :] == 0).all() and (pooled[..., :, 0] == 0).all()
    assert (pooled[..., 1:, 1:] < 0).all()


def test_kernels_are_glorot_uniform_and_norms_start_at_one_and_zero():
    module = ResNetV2(depth=26, width=0.5).build(generator=torch.Generator().manual_seed(0))
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            outputs, inputs, height, width = layer.weight.shape
            limit = np.sqrt(6 / ((inputs + outputs) * height * width))
            assert 0.95 * limit < layer.weight.abs().max().item() <= limit
            np.testing.assert_allclose(layer.weight.std().item(), limit / np.sqrt(3), rtol=0.1)
            assert layer.bias is None
        if isinstance(layer, GroupedBatchNorm):
            assert (layer.weight == 1).all() and (layer.bias == 0).all()


def test_weights_depend_on_the_generator_only():
    first, again, other = (
        ResNetV2(depth=18, width=0.125).build(generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first.stem.conv.weight, again.stem.conv.weight)
    assert not torch.equal(first.stem.conv.weight, other.stem.conv.weight)


def test_autocast_gives_float32_features_close_to_full_precision():
    for norm in (BatchNorm(), GroupNormWS()):
        module = ResNetV2(depth=18, width=0.125, norm=norm).build(generator=torch.Generator().manual_seed(0)).eval()
        images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
        with torch.no_grad():
            full = module(images)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                half = module(images)
        assert half.dtype == torch.float32
        assert 0 < (half - full).abs().max() < 0.1 * full.abs().max()


def test_channels_last_gives_the_same_features():
    module = ResNetV2(depth=26, width=0.125).build(generator=torch.Generator().manual_seed(0)).double().train()
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    expected = module(images)
    actual = module.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize(
    ("assignment", "text"),
    [
        ("width=0.3", "multiple of 0.125"),
        ("width=0", "multiple of 0.125"),
        ("width=99", "to 16"),
        ("depth=34", "18, 26"),
    ],
)
def test_illegal_shapes_are_refused_with_the_legal_ones(assignment, text):
    with pytest.raises(ConfigError, match=text):
        config.override(ResNetV2(), [assignment])


def test_configuration_survives_json():
    net = ResNetV2(depth=101, width=3, norm=GroupNormWS(groups=16))
    assert config.load(config.dump(net), ResNetV2) == net

"""TF-Slim's ResNet v2 up to block 3: shape and start; what it computes is tested with slim's names in tests/convert."""

import numpy as np
import pytest
import torch
from tests.reference.published_networks import same_max_pool
from torch import nn

from vivi.core import config
from vivi.core.errors import ConfigError
from vivi.nn.export import load_encoder, save_encoder
from vivi.nn.norm import GroupedBatchNorm, commit_running_averages, norm_groups
from vivi.nn.resnet_v2_slim import SlimResNetV2, _same_max_pool

TINY = SlimResNetV2(depth=26, width=0.125)


def counted(units: tuple[int, ...], channels: int) -> int:
    """Parameters layer by layer, from slim's source."""
    total, inputs = 49 * 3 * channels + channels, channels
    for block, count in enumerate(units):
        outputs = channels * 4 * 2**block
        middle = outputs // 4
        for _ in range(count):
            total += 2 * inputs  # preact
            total += inputs * middle + 2 * middle + 9 * middle * middle + 2 * middle + middle * outputs + outputs
            total += (inputs + 1) * outputs if inputs != outputs else 0
            inputs = outputs
    return total


@pytest.mark.parametrize(("depth", "units"), [(101, (3, 4, 23)), (50, (3, 4, 6)), (26, (2, 2, 2))])
@pytest.mark.parametrize("width", [1.0, 0.5])
def test_parameter_counts_and_features(depth, units, width):
    net = SlimResNetV2(depth=depth, width=width)
    with torch.device("meta"):
        module = net.build()
    assert net.feature_dim == module.feature_dim == 1024 * width
    assert sum(each.numel() for each in module.parameters()) == counted(units, int(64 * width))
    assert 25e6 < counted((3, 4, 23), 64) < 30e6  # "roughly 30 million", says the paper of Multi-Task SSL


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 9), (13, 12), (6, 6)])
def test_pooling_is_tensorflows_same(size):
    x = torch.randn(2, 3, *size, dtype=torch.float64) - 3
    expected = same_max_pool(x.numpy().transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(_same_max_pool(x).numpy(), expected)


def test_the_stride_is_32_and_sits_on_the_last_unit_of_each_block():
    module = TINY.build()
    strides = [[unit.conv2.stride[0] for unit in block] for block in module.blocks]
    assert strides == [[1, 2]] * 3
    shapes = []
    module.blocks.register_forward_hook(lambda *call: shapes.append(call[2].shape[2:]))
    module.eval()(torch.zeros(1, 3, 64, 96))
    assert shapes == [(2, 3)]


def test_kernels_are_cut_off_normals_by_fan_in_and_the_norms_are_slims():
    module = SlimResNetV2(depth=26, width=0.5).build(generator=torch.Generator().manual_seed(0))
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            wide = np.sqrt(1.3 * 2 / layer.weight[0].numel())
            assert 1.5 * wide < layer.weight.abs().max().item() <= 2 * wide
            np.testing.assert_allclose(layer.weight.std().item(), wide * np.sqrt(0.774), rtol=0.1)
            assert layer.bias is None or not layer.bias.any()
        if isinstance(layer, GroupedBatchNorm):
            assert layer.eps == 1e-5 and layer.momentum == 0.003


def test_norm_groups_reach_every_norm():
    module, x = TINY.build(generator=torch.Generator().manual_seed(0)).double(), torch.randn(6, 3, 32, 32).double()
    with norm_groups(module, 3):
        grouped = module(x)
    torch.testing.assert_close(grouped, torch.cat([module(part) for part in x.chunk(3)]))
    assert (grouped - module(x)).abs().max() > 1e-3


def test_an_encoder_folder_comes_back(tmp_path):
    module, images = TINY.build(), torch.rand(4, 3, 40, 40) * 2 - 1
    module(images)
    commit_running_averages(module)
    module.eval()
    save_encoder(tmp_path / "e", module, encoder=TINY, image_size=40, name="test", card="A test.", details={})
    with torch.no_grad():
        torch.testing.assert_close(load_encoder(tmp_path / "e")(images), module(images))


def test_autocast_gives_float32_features():
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert TINY.build().eval()(torch.zeros(1, 3, 64, 64)).dtype == torch.float32


@pytest.mark.parametrize(
    ("assignment", "text"), [("width=0.3", "multiple of 0.125"), ("depth=18", "26, 50"), ("norm=GroupNormWS", "group")]
)
def test_illegal_shapes_are_refused(assignment, text):
    with pytest.raises(ConfigError, match=text):
        config.override(SlimResNetV2(), [assignment])


def test_configuration_survives_json():
    net = SlimResNetV2(depth=50, width=0.5)
    assert config.load(config.dump(net), SlimResNetV2) == net

"""VGG-16's shape and constants; what it computes is tested with Caffe's layout in tests/convert."""

import math

import pytest
import torch
from torch import nn

from vivi.core import config
from vivi.core.errors import ConfigError
from vivi.nn.export import load_encoder, random_twin, save_encoder
from vivi.nn.vgg import VGG16, MeanSubtracted

TINY = VGG16(width=0.125)


@pytest.mark.parametrize(
    ("net", "parameters", "features"),
    [
        (VGG16(), 14_714_688, 512),
        (VGG16(fully_connected=(4096, 4096)), 134_260_544, 4096),
        (VGG16(fully_connected=(4096,)), 14_714_688 + 25_088 * 4096 + 4096, 4096),
        (VGG16(width=3), None, 1536),
    ],
)
def test_parameter_counts_and_features(net, parameters, features):
    with torch.device("meta"):
        module = net.build()
    assert net.feature_dim == module.feature_dim == features
    assert parameters in (None, sum(each.numel() for each in module.parameters()))
    assert sum(isinstance(layer, nn.Conv2d) for layer in module.modules()) == 13


def test_the_input_is_caffes_mean_subtracted():
    images = torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 3, 2, 2)
    expected = torch.tensor([0.0, 127.5, 255.0]).view(3, 1) - torch.tensor([123.68, 116.779, 103.939])
    torch.testing.assert_close(MeanSubtracted()(images)[..., 1, 0], expected)
    assert not list(MeanSubtracted().parameters())


def test_start_weights_are_glorot_uniform_with_biases_0_and_fixed_by_the_generator():
    first, again, other = (TINY.build(generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    for layer in first.modules():
        if isinstance(layer, nn.Conv2d):
            outputs, inputs = layer.weight.shape[:2]
            limit = math.sqrt(6 / (9 * (inputs + outputs)))
            assert 0.95 * limit < layer.weight.abs().max().item() <= limit and not layer.bias.any()
    weights = [each.blocks["conv3"][0].weight for each in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_an_encoder_folder_comes_back(tmp_path):
    module, images = TINY.build().eval(), torch.rand(2, 3, 40, 40) * 2 - 1
    save_encoder(tmp_path / "e", module, encoder=TINY, image_size=40, name="test", card="A test.", details={})
    loaded = load_encoder(tmp_path / "e")
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), module(images))
        assert random_twin(loaded, seed=1)(images).shape == (2, 64)


def test_autocast_gives_float32_features_close_to_full_precision():
    for net, side in ((TINY, 64), (VGG16(width=0.125, fully_connected=(16,)), 224)):
        module, images = net.build(generator=torch.Generator().manual_seed(0)).eval(), torch.rand(1, 3, side, side)
        with torch.no_grad():
            full = module(images)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                half = module(images)
        assert half.dtype == torch.float32 and 0 < (half - full).abs().max() < 0.1 * full.abs().max()


def test_fully_connected_layers_take_one_size():
    with pytest.raises(ValueError, match="takes 224 x 224 images, got 64 x 32"):
        VGG16(width=0.125, fully_connected=(4,)).build()(torch.zeros(1, 3, 64, 32))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"width": 0.3}, "multiple of 0.125"),
        ({"width": 0}, "multiple of 0.125"),
        ({"fully_connected": (0,)}, "than or"),
    ],
)
def test_illegal_shapes_are_refused(values, text):
    with pytest.raises(ConfigError, match=text):
        config.build(VGG16, values, source="test")


def test_configuration_survives_json():
    net = VGG16(width=0.5, fully_connected=(4096, 1024))
    assert config.load(config.dump(net), VGG16) == net

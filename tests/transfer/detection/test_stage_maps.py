"""The four maps of an encoder: what they are, and what of it learns."""

import pytest
import torch
from tests.reference.encoder_folder import trained

from vivi.core.errors import ConfigError
from vivi.nn.export import LoadedEncoder
from vivi.nn.norm import GroupedBatchNorm, GroupNormWS, commit_running_averages
from vivi.nn.resnet_v2 import ResNetV2
from vivi.nn.resnet_v2_slim import SlimResNetV2
from vivi.transfer.detection.stage_maps import STRIDES, stage_maps

BASIC, BOTTLENECK = ResNetV2(depth=18, width=0.125), ResNetV2(depth=26, width=0.125)
GROUPED = ResNetV2(depth=18, width=0.125, norm=GroupNormWS())


def loaded(config):
    module = trained(config)
    return LoadedEncoder(module, config=config, image_size=32, name="tiny", details={}, fingerprint="0" * 12)


def maps_of(config, *, frozen_norm=True, frozen_parts=0):
    return stage_maps(loaded(config), frozen_norm=frozen_norm, frozen_parts=frozen_parts)


def pictures(seed=0, count=2):
    return torch.randn(count, 3, 64, 96, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", [BASIC, BOTTLENECK, GROUPED], ids=str)
def test_the_maps_have_their_strides_and_channels(config):
    maps = maps_of(config)
    found = maps(pictures())
    assert maps.channels == config.stage_channels
    assert [tuple(each.shape) for each in found] == [
        (2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(config.stage_channels, STRIDES, strict=True)
    ]
    assert all(bool((each >= 0).all()) for each in found)  # after a ReLU


@pytest.mark.parametrize("config", [BASIC, BOTTLENECK, GROUPED], ids=str)
def test_the_network_goes_on_from_the_maps(config):
    """The last one averages to the features; each other one is what the next stage's first convolution gets."""
    encoder = loaded(config)
    inputs = []
    for stage in list(encoder.encoder.stages)[1:]:
        stage.blocks[0].conv1.register_forward_pre_hook(lambda _, args: inputs.append(args[0].clone()))
    maps = stage_maps(encoder, frozen_norm=True, frozen_parts=0).eval()
    with torch.no_grad():
        features = encoder(pictures())
        expected, inputs[:] = list(inputs), []
        found = maps(pictures())
    torch.testing.assert_close(found[3].mean(dim=(2, 3)), features)
    for ours, theirs in zip(found[:3], expected, strict=True):
        assert torch.equal(ours, theirs)


def test_frozen_batch_norms_keep_everything():
    maps = maps_of(BASIC).train()
    before = {name: value.clone() for name, value in maps.state_dict().items()}
    norms = [each for each in maps.modules() if isinstance(each, GroupedBatchNorm)]
    assert maps.training and norms and not any(each.training for each in norms)
    assert not any(value.requires_grad for each in norms for value in each.parameters())
    loss = sum(each.square().mean() for each in maps(pictures()))
    loss.backward()
    commit_running_averages(maps)
    assert all(torch.equal(value, before[name]) for name, value in maps.state_dict().items())
    assert maps.encoder.stem.conv.weight.grad is not None


def test_other_batch_norms_learn_and_move_their_averages_once():
    """The map reads the norm a second time: the averages must move as if it had been read once."""
    maps, plain = maps_of(BASIC, frozen_norm=False).train(), trained(BASIC).train()
    maps(pictures(count=4))
    plain(pictures(count=4))
    for each in (maps, plain):
        commit_running_averages(each)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(maps.encoder.state_dict()[name], value)
    assert all(value.requires_grad for value in maps.parameters())


def test_group_norms_learn_in_any_case():
    maps = maps_of(GROUPED).train()
    sum(each.mean() for each in maps(pictures())).backward()
    assert all(value.grad is not None for value in maps.parameters())


def test_parts_can_be_frozen():
    maps = maps_of(BASIC, frozen_norm=False, frozen_parts=2).train()
    before = {name: value.clone() for name, value in maps.state_dict().items()}
    sum(each.square().mean() for each in maps(pictures())).backward()
    commit_running_averages(maps)
    still = ("encoder.stem.", "encoder.stages.0.")
    for name, parameter in maps.named_parameters():
        assert (parameter.grad is None) is name.startswith(still), name
    moved = {name for name, value in maps.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and not any(name.startswith(still) for name in moved)
    maps.eval().train()
    assert not maps.encoder.stem.training and maps.encoder.stages[1].training


def test_an_encoder_without_such_maps_is_refused():
    slim = SlimResNetV2(depth=26, width=0.125)
    encoder = LoadedEncoder(slim.build(), config=slim, image_size=32, name="Slim", details={}, fingerprint="0" * 12)
    with pytest.raises(ConfigError, match="Slim is a SlimResNetV2, which has no maps of strides 4, 8, 16 and 32"):
        stage_maps(encoder, frozen_norm=True, frozen_parts=0)

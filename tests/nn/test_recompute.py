"""Activation checkpointing: equal gradients, running averages that move once, less memory held for the backward."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from vivi.core.errors import ConfigError
from vivi.nn.norm import BatchNorm, GroupNormWS, Norm, commit_running_averages, norm_groups
from vivi.nn.recompute import recompute_blocks
from vivi.nn.resnet_v2 import ResNetV2
from vivi.nn.vgg import VGG16


def network(norm: Norm, *, recompute: bool) -> nn.Module:
    net = ResNetV2(depth=18, width=0.125, norm=norm)
    module = net.build(generator=torch.Generator().manual_seed(1)).double()
    if recompute:
        recompute_blocks(module)
    return module


def step(module: nn.Module) -> int:
    """A forward and a backward pass in two norm groups; the bytes held between them."""
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    images *= torch.tensor([1.0, 2.0, 3.0, 4.0]).view(-1, 1, 1, 1)  # the norm groups differ
    with held() as sizes, norm_groups(module, 2):
        features = module(images)
    features.square().sum().backward()
    commit_running_averages(module)
    return sum(sizes.values())


@contextmanager
def held() -> Iterator[dict[int, int]]:
    """Bytes by the address of what the graph holds; a tensor that a checkpoint will compute again is none of it."""
    sizes: dict[int, int] = {}
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield sizes


@pytest.mark.parametrize("norm", [BatchNorm(), GroupNormWS()])
def test_gradients_and_running_averages_are_those_without(norm: Norm) -> None:
    plain, again = (network(norm, recompute=each) for each in (False, True))
    much, little = step(plain), step(again)
    assert little < 0.6 * much
    for (name, expected), (_, found) in zip(plain.named_parameters(), again.named_parameters(), strict=True):
        assert expected.grad is not None and found.grad is not None, name
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-12, atol=1e-13, msg=name)
    for (name, expected), (_, found) in zip(plain.named_buffers(), again.named_buffers(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=0, msg=name)
        assert "tracked" not in name or int(found) == 1
    assert plain.state_dict().keys() == again.state_dict().keys()


def test_the_second_pass_needs_the_norm_groups_of_the_first() -> None:
    """Without them the gradients would be others: the test above would see it."""
    module = network(BatchNorm(), recompute=False)
    step(module)
    other = network(BatchNorm(), recompute=False)
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    images *= torch.tensor([1.0, 2.0, 3.0, 4.0]).view(-1, 1, 1, 1)
    other(images).square().sum().backward()
    pairs = zip(module.parameters(), other.parameters(), strict=True)
    assert any(not torch.allclose(a.grad, b.grad, rtol=1e-2) for a, b in pairs if a.grad is not None)


def test_without_gradient_and_in_eval_nothing_is_repeated() -> None:
    module = network(BatchNorm(), recompute=True)
    passes = []
    module.stages[0].blocks[0].register_forward_pre_hook(lambda *_: passes.append(1))
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        module(images)
    module.eval()
    module(images).sum().backward()
    assert len(passes) == 2
    module.train()
    module(images).sum().backward()
    assert len(passes) == 4


def test_an_encoder_without_blocks_is_refused() -> None:
    with pytest.raises(ConfigError, match="--recompute: VGG16Module has no blocks to compute again; legal: ResNetV2"):
        recompute_blocks(VGG16().build())

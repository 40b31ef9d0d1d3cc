"""Norm groups and running averages against formulas written out group by group, in float64."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from vivi.core.errors import ConfigError
from vivi.nn.norm import BatchNorm, GroupedBatchNorm, GroupNormWS, Span, commit_running_averages, norm_groups


def made(channels: int = 3, **settings) -> GroupedBatchNorm:
    layer = BatchNorm(**settings).layer(channels).double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 1.5, generator=generator)
        layer.bias.uniform_(-1, 1, generator=generator)
    return layer


def batch(images: int = 12, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(6)
    ramp = torch.linspace(-3, 3, images, dtype=torch.float64).view(-1, 1, 1, 1)  # groups differ in their means
    return ramp + torch.randn(images, channels, 4, 5, generator=generator, dtype=torch.float64)


def slow(x, layer, groups):
    """Every group and channel by itself."""
    out, size = torch.empty_like(x), len(x) // groups
    for group in range(groups):
        rows = slice(group * size, (group + 1) * size)
        for channel in range(x.shape[1]):
            values = x[rows, channel]
            mean = values.sum() / values.numel()
            variance = ((values - mean) ** 2).sum() / values.numel()
            scaled = (values - mean) / torch.sqrt(variance + layer.eps)
            out[rows, channel] = scaled * layer.weight[channel] + layer.bias[channel]
    return out


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("groups", [1, 3, 4])
def test_forward_and_gradients_equal_the_formula(groups, memory):
    layer, x = made(), batch().to(memory_format=memory)
    weights = torch.randn(x.shape, dtype=x.dtype)
    results = []
    for function in (lambda x: layer(x), lambda x: slow(x, layer, groups)):
        leaf = x.clone().requires_grad_()
        with norm_groups(layer, groups):
            y = function(leaf)
        results.append((y, *torch.autograd.grad((y * weights).sum(), (leaf, layer.weight, layer.bias))))
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_single_number_has_no_variance(compiled, monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiled)
    layer, x = made(), batch()[:, :, :1, :1]
    with norm_groups(layer, 6):
        assert layer(x).isfinite().all()
    with norm_groups(layer, 12), pytest.raises(ConfigError, match="set a larger norm_group"):
        layer(x)


@pytest.mark.parametrize("axes", [2, 3, 4])
def test_a_group_of_several_ranks_takes_what_a_group_of_one_takes(axes):
    """Some of timm's models normalise vectors or sequences. Two ranks with equal batches: sums are twice as large."""
    layer, x = made(), batch().flatten(2)[..., 0] if axes == 2 else batch().flatten(2) if axes == 3 else batch()
    with norm_groups(layer, 1):
        expected = layer(x)
    with norm_groups(layer, 1, span=Span(2, lambda total: 2 * total)):
        torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-10)


def test_gradcheck():
    layer, x = made(channels=2), batch(images=4, channels=2)[:, :, :2, :2].clone().requires_grad_()
    with norm_groups(layer, 2):
        assert torch.autograd.gradcheck(layer, (x,))


def test_groups_differ_from_one_batch():
    layer, x = made(), batch()
    with norm_groups(layer, 4):
        grouped = layer(x)
    assert (grouped - layer(x)).abs().max() > 0.5


@pytest.mark.parametrize("groups", [1, 3])
def test_running_averages_move_once_to_the_mean_over_groups_and_passes(groups):
    layer, x = made(momentum=0.1), batch()
    before = layer.running_mean.clone(), layer.running_var.clone()
    with norm_groups(layer, groups):
        layer(x), layer(x + 1), layer(2 * x)
    assert torch.equal(layer.running_mean, before[0])
    commit_running_averages(layer)
    parts = [part for each in (x, x + 1, 2 * x) for part in each.chunk(groups)]
    mean = torch.stack([part.mean((0, 2, 3)) for part in parts]).mean(0)
    variance = torch.stack([part.var((0, 2, 3), correction=1) for part in parts]).mean(0)
    torch.testing.assert_close(layer.running_mean, 0.9 * before[0] + 0.1 * mean)
    torch.testing.assert_close(layer.running_var, 0.9 * before[1] + 0.1 * variance)
    assert layer.num_batches_tracked == 1
    after = layer.running_mean.clone()
    commit_running_averages(layer)
    assert torch.equal(layer.running_mean, after) and layer.num_batches_tracked == 1


def test_one_pass_in_groups_equals_several_passes_in_chunks():
    whole, chunked, x = made(), made(), batch()
    with norm_groups(whole, 6):
        together = whole(x)
    with norm_groups(chunked, 2):
        pieces = torch.cat([chunked(part) for part in x.chunk(3)])
    torch.testing.assert_close(pieces, together)
    for layer in (whole, chunked):
        commit_running_averages(layer)
    torch.testing.assert_close(chunked.running_mean, whole.running_mean)
    torch.testing.assert_close(chunked.running_var, whole.running_var)


def test_passes_without_gradient_or_in_evaluation_record_nothing():
    layer, x = made(), batch()
    with torch.no_grad():
        layer(x)
    layer.eval()(x)
    assert layer.take_recorded() is None


def test_the_double_pass_of_gradient_caching_counts_once():
    twice, once, x = made(), made(), batch()
    with torch.no_grad():
        twice(x)
    twice(x)
    once(x)
    for layer in (twice, once):
        commit_running_averages(layer)
    assert torch.equal(twice.running_mean, once.running_mean) and torch.equal(twice.running_var, once.running_var)


@pytest.mark.parametrize("reentrant", [True, False])
def test_activation_checkpointing_moves_the_averages_as_without_it(reentrant):
    plain, saving, x = made(momentum=0.5), made(momentum=0.5), batch().requires_grad_()
    plain(x).square().sum().backward()
    checkpoint(saving, x, use_reentrant=reentrant).square().sum().backward()
    for layer in (plain, saving):
        commit_running_averages(layer)
    torch.testing.assert_close(saving.running_mean, plain.running_mean)
    torch.testing.assert_close(saving.running_var, plain.running_var)
    assert saving.num_batches_tracked == 1


def test_commit_averages_all_layers_over_the_ranks_in_one_call():
    module, calls = nn.Sequential(made(3), made(3)), []

    def mean(tensor):
        calls.append(tensor.shape)
        return tensor * 2

    module(batch())
    first = module[0].take_recorded()
    module(batch())
    commit_running_averages(module, mean=mean)
    assert calls == [(2, 6)]
    torch.testing.assert_close(module[0].running_mean, 0.01 * 2 * first[0])


def test_evaluation_uses_the_running_averages():
    layer, x = made(momentum=1.0), batch()
    layer(x)
    commit_running_averages(layer)
    n = x.numel() / x.shape[1]
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, correction=0) * n / (n - 1)
    expected = (x - mean) / torch.sqrt(variance + layer.eps) * layer.weight.view(-1, 1, 1) + layer.bias.view(-1, 1, 1)
    torch.testing.assert_close(layer.eval()(x), expected)


def test_a_batch_that_does_not_divide_is_refused_with_the_legal_counts():
    layer = made()
    with norm_groups(layer, 5), pytest.raises(ValueError, match=r"12 images .* 5 norm groups.*1, 2, 3, 4, 6, 12"):
        layer(batch())
    with pytest.raises(ValueError, match="at least 1"), norm_groups(layer, 0):
        pass
    assert layer.groups == 1


def test_half_precision_inputs_are_normalised_with_float32_statistics():
    layer = BatchNorm().layer(3)
    x = 1000 + batch().float()
    with norm_groups(layer, 3), torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x.bfloat16())
    assert y.dtype == torch.bfloat16
    exact = x.bfloat16().float()
    statistics = layer.take_recorded()
    assert statistics.dtype == torch.float32
    torch.testing.assert_close(statistics[0], exact.mean((0, 2, 3)), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (16, 16), (24, 8), (48, 16)])
def test_group_norm_takes_the_greatest_common_divisor(channels, groups):
    layer = GroupNormWS().layer(channels)
    assert layer.num_groups == groups and layer.eps == 1e-5


def test_filters_are_standardised_in_float32_also_under_autocast():
    layer = GroupNormWS().convolution(4, 6, kernel=3, stride=2)
    with torch.no_grad():
        layer.weight.normal_(0.5, 0.01)  # bfloat16 would lose these deviations
        filters = torch.stack([(w - w.mean()) / torch.sqrt(w.var(correction=0) + 1e-10) for w in layer.weight])
        x = torch.randn(2, 4, 9, 9)
        expected = nn.functional.conv2d(x, filters, stride=2, padding=1)
        torch.testing.assert_close(layer(x), expected, rtol=1e-3, atol=1e-3)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = layer(x)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), expected, rtol=0.05, atol=0.15)


@pytest.mark.parametrize("norm", [BatchNorm(eps=0.02), GroupNormWS(weight_eps=1e-4)])
def test_tensors_adapted_to_timm_come_back(norm):
    tensors = {"a.running_var": torch.rand(5) + 0.1, "a.weight": torch.rand(5), "c.weight": torch.rand(2, 3, 1, 1)}
    adapted = norm.to_timm(tensors)
    assert any(not torch.equal(adapted[name], tensors[name]) for name in tensors)
    torch.testing.assert_close(norm.from_timm(adapted), tensors)

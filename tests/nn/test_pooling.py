"""Mean pooling, and attention against loops."""

import math

import numpy as np
import pytest
import torch

from vivi.core.config import build, dump, load
from vivi.core.errors import ConfigError
from vivi.nn.pooling import AttentionPooling, MeanPooling, Pooling


def slow_attention(frames_VD: np.ndarray, key: np.ndarray, bias: np.ndarray, query: np.ndarray) -> list[float]:
    """The pooled embedding of one shot, number by number."""
    scores = []
    for frame in frames_VD:
        hidden = [math.tanh(float(row @ frame) + float(shift)) for row, shift in zip(key, bias, strict=True)]
        scores.append(sum(q * h for q, h in zip(query, hidden, strict=True)))
    weights = [math.exp(score) / sum(math.exp(each) for each in scores) for score in scores]
    return [
        sum(weight * float(frame[d]) for weight, frame in zip(weights, frames_VD, strict=True))
        for d in range(frames_VD.shape[1])
    ]


def learned(dim: int, hidden: int) -> torch.nn.Module:
    """Attention as it may be after training: its query is no longer zero."""
    pool = AttentionPooling(hidden=hidden).build(dim)
    with torch.no_grad():
        pool.query.copy_(torch.randn(hidden))
        pool.key.bias.copy_(torch.randn(hidden))
    return pool


def test_mean_over_the_frames_of_each_shot():
    frames = torch.arange(12.0).view(2, 3, 2)
    assert MeanPooling().build(2)(frames).tolist() == [[2.0, 3.0], [8.0, 9.0]]


@pytest.mark.parametrize("pooling", [MeanPooling(), AttentionPooling()])
@pytest.mark.parametrize("shape", [(4, 2), (4, 0, 2)])
def test_wrong_shapes_are_refused(shape, pooling):
    with pytest.raises(ValueError, match="frames_SVD"):
        pooling.build(2)(torch.zeros(shape))


@pytest.mark.parametrize("views", [1, 3, 4, 8])
def test_attention_starts_as_the_mean(views):
    frames = torch.randn(5, views, 6)
    torch.testing.assert_close(AttentionPooling().build(6)(frames), frames.mean(dim=1), rtol=0, atol=3e-7)
    exact = torch.randint(-9, 9, (5, views, 6)).double() * views  # every sum and quotient is a whole number
    if views != 3:
        assert torch.equal(AttentionPooling().build(6).double()(exact), exact.mean(dim=1))


@pytest.mark.parametrize(("shots", "views", "dim", "hidden"), [(2, 3, 4, 5), (3, 1, 2, 1), (1, 8, 5, 3)])
def test_attention_equals_the_slow_loops(shots, views, dim, hidden):
    torch.manual_seed(views)
    pool = learned(dim, hidden).double()
    frames = torch.randn(shots, views, dim, dtype=torch.float64)
    values = [value.detach().numpy() for value in (pool.key.weight, pool.key.bias, pool.query)]
    expected = [slow_attention(shot, *values) for shot in frames.numpy()]
    np.testing.assert_allclose(pool(frames).detach().numpy(), expected, rtol=1e-12)


def test_gradients_of_attention_equal_finite_differences():
    torch.manual_seed(0)
    pool = learned(3, 4).double()
    names = [name for name, _ in pool.named_parameters()]

    def pooled(frames: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(pool, dict(zip(names, values, strict=True)), (frames,))

    inputs = [torch.randn(2, 3, 3, dtype=torch.float64), *(value.detach().clone() for value in pool.parameters())]
    assert torch.autograd.gradcheck(pooled, [x.requires_grad_() for x in inputs])


def test_the_query_learns_from_the_first_step_on():
    pool = AttentionPooling(hidden=4).build(3)
    pool(torch.randn(2, 3, 3)).square().sum().backward()
    assert pool.query.grad.abs().max() > 0


def test_the_order_of_the_frames_does_not_matter():
    pool, frames = learned(3, 4), torch.randn(2, 5, 3)
    torch.testing.assert_close(pool(frames.flip(1)), pool(frames))


def test_attention_finds_the_frame_that_counts():
    """One frame of each shot is marked and carries the answer, the others noise: a mean cannot tell, attention can."""
    torch.manual_seed(0)
    pool = AttentionPooling(hidden=8).build(3)
    optimiser = torch.optim.SGD(pool.parameters(), lr=0.5, momentum=0.9)
    for _ in range(100):
        frames, rows = torch.randn(64, 4, 3), torch.arange(64)
        marked = torch.randint(4, (64,))
        frames[:, :, 0] = -1
        frames[rows, marked, 0] = 1
        loss = (pool(frames)[:, 1:] - frames[rows, marked, 1:]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2  # of the mean: 3/4


def test_attention_never_runs_in_half_precision():
    pool, frames = learned(6, 4), torch.randn(2, 3, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = pool(frames)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, pool(frames))
    assert pool(frames.bfloat16()).dtype == torch.float32


def test_poolings_are_saved_and_checked():
    assert load(dump(AttentionPooling(hidden=7)), Pooling) == AttentionPooling(hidden=7)
    with pytest.raises(ConfigError, match="hidden"):
        build(AttentionPooling, {"hidden": 0}, source="here")

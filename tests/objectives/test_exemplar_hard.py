"""The batch-hard triplet loss against loops."""

import math

import numpy as np
import pytest
import torch

from vivi.objectives.exemplar_hard import BatchHardExemplar, batch_hard


def slow(points_SVE: np.ndarray) -> float:
    shots, views, _ = points_SVE.shape
    flat = [(s, points_SVE[s, v]) for s in range(shots) for v in range(views)]
    terms = []
    for a, (shot_a, anchor) in enumerate(flat):
        near = max(math.dist(anchor, x) for b, (shot, x) in enumerate(flat) if shot == shot_a and b != a)
        far = min(math.dist(anchor, x) for shot, x in flat if shot != shot_a)
        terms.append(math.log1p(math.exp(near - far)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("shots", "views"), [(2, 2), (5, 3), (3, 8)])
def test_equals_the_slow_loops(shots: int, views: int) -> None:
    points = np.random.default_rng(shots).normal(size=(shots, views, 5))
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    assert batch_hard(torch.from_numpy(points)).item() == pytest.approx(slow(points), rel=1e-6)


def test_gradient_by_finite_differences() -> None:
    points = torch.randn(3, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(batch_hard, points.requires_grad_(), eps=1e-6, atol=1e-5)


def test_equal_points_give_the_chance_level_and_a_finite_gradient() -> None:
    objective = BatchHardExemplar(dim=3).build(4, shots=1)
    points = torch.ones(4, 2, 3, requires_grad=True)
    loss = batch_hard(points)
    loss.backward()
    assert loss.item() == pytest.approx(objective.chance(4, columns=2))
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


@pytest.mark.parametrize("shape", [(1, 8, 4), (8, 1, 4)])
def test_no_triplets_is_an_error(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 shots of 2 views"):
        batch_hard(torch.zeros(shape))

"""The triplet loss against loops that follow the definition word for word."""

import numpy as np
import pytest
import torch

from vivi.core.seeds import Draw
from vivi.objectives.exemplar import Exemplar, semihard_triplet, squared_distances

POINTS = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8], [0.6, 0.8], [-1, 0]], dtype=torch.float64).view(3, 2, 2)


def slow_triplet(points_SVE: np.ndarray, margin: float) -> float:
    shots, views, _ = points_SVE.shape
    flat = [(s, points_SVE[s, v]) for s in range(shots) for v in range(views)]
    terms = []
    for a, (shot_a, anchor) in enumerate(flat):
        negatives = [float(((anchor - x) ** 2).sum()) for shot, x in flat if shot != shot_a]
        for p, (shot_p, positive) in enumerate(flat):
            if p == a or shot_p != shot_a:
                continue
            near = float(((anchor - positive) ** 2).sum())
            farther = [d for d in negatives if d > near]
            chosen = min(farther) if farther else max(negatives)
            terms.append(max(0.0, margin + near - chosen))
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("margin", "expected"), [(0.5, 0.46), (1.0, 0.96), (0.2, 0.326667)])
def test_known_values(margin: float, expected: float) -> None:
    assert semihard_triplet(POINTS, margin=margin).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("shots", "views", "spread"), [(2, 2, 1.0), (5, 3, 0.3), (4, 8, 3.0), (7, 4, 0.01)])
def test_equals_the_slow_loops(shots: int, views: int, spread: float) -> None:
    random = np.random.default_rng(shots)
    centres = random.normal(size=(shots, 1, 6))
    points = centres + spread * random.normal(size=(shots, views, 6))
    points /= np.linalg.norm(points, axis=-1, keepdims=True)
    fast = semihard_triplet(torch.from_numpy(points), margin=0.5).item()
    assert fast == pytest.approx(slow_triplet(points, 0.5), rel=1e-5, abs=1e-6)


def test_all_points_equal_gives_the_margin() -> None:
    """No negative is strictly farther, so the farthest is taken: it is as near as the positive."""
    assert semihard_triplet(torch.ones(3, 4, 5), margin=0.5).item() == pytest.approx(0.5)


def test_gradient_moves_frames_of_a_shot_together() -> None:
    points = POINTS.clone().requires_grad_()
    semihard_triplet(points, margin=0.5).backward()
    moved = (points - 0.05 * points.grad).detach()
    assert semihard_triplet(moved, margin=0.5) < semihard_triplet(POINTS, margin=0.5)


@pytest.mark.parametrize("shape", [(1, 8, 4), (8, 1, 4)])
def test_no_triplets_is_an_error(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 shots of 2 views"):
        semihard_triplet(torch.zeros(shape), margin=0.5)


def test_squared_distances() -> None:
    points = torch.randn(9, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.cdist(points, points).square()
    torch.testing.assert_close(squared_distances(points), expected, rtol=1e-4, atol=1e-5)
    assert squared_distances(points).diagonal().eq(0).all()


def test_the_head_gives_unit_vectors_and_identity_is_the_shot() -> None:
    objective = Exemplar(dim=10).build(7)
    points = objective(torch.randn(4, 3, 7))
    assert points.shape == (4, 3, 10)
    torch.testing.assert_close(points.norm(dim=-1), torch.ones(4, 3))
    frames = torch.randn(4, 3, 3, 8, 8)
    draw = Draw(seed=0, step=0, purpose="test", first=0, count=4, total=4)
    question = objective.pretext(frames, draw=draw)
    assert question.views is frames
    assert question.targets is None

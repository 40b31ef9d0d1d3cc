"""The triplet loss against loops that follow the definition word for word."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.differences import gradients_agree, numeric_gradient
from tests.reference.slow_exemplar import slow_norm, slow_triplet
from torch.utils._python_dispatch import TorchDispatchMode

from vivi.core.config import dump, load
from vivi.core.seeds import Draw
from vivi.objectives.exemplar import Exemplar, ExemplarObjective, semihard_triplet, squared_distances

POINTS = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8], [0.6, 0.8], [-1, 0]], dtype=torch.float64).view(3, 2, 2)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def some_points(seed: int, *, shots: int, views: int, dim: int, spread: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=(shots, 1, dim)) + spread * random.normal(size=(shots, views, dim))


def criterion(points_SVE: torch.Tensor, **settings: Any) -> torch.Tensor:
    """The objective without its linear layer."""
    objective = Exemplar(**settings).build(points_SVE.shape[-1], shots=1)
    objective.head = torch.nn.Identity()
    return objective.criterion(objective(points_SVE), targets=None)


@pytest.mark.parametrize("anchors", [1, 4, 1024])
@pytest.mark.parametrize(("margin", "expected"), [(0.5, 0.46), (1.0, 0.96), (0.2, 0.326667)])
def test_known_values(margin: float, expected: float, anchors: int) -> None:
    assert semihard_triplet(POINTS, margin=margin, anchors=anchors).item() == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    shots=st.integers(2, 5),
    views=st.integers(2, 4),
    dim=st.integers(2, 6),
    anchors=st.integers(1, 21),
    spread=st.sampled_from([0.01, 0.3, 1.0, 3.0]),
    margin=st.sampled_from([0.1, 0.5, 2.0]),
    embed_norm=st.sampled_from(["row", "batch"]),
    seed=st.integers(0, 999),
)
def test_equals_the_slow_loops(
    shots: int, views: int, dim: int, anchors: int, spread: float, margin: float, embed_norm: str, seed: int
) -> None:
    points = some_points(seed, shots=shots, views=views, dim=dim, spread=spread)
    fast = criterion(torch.from_numpy(points), dim=dim, margin=margin, embed_norm=embed_norm, anchors=anchors)
    assert fast.item() == pytest.approx(slow_triplet(slow_norm(points, embed_norm), margin), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("anchors", [1, 4, 100])
@pytest.mark.parametrize("embed_norm", ["row", "batch"])
@pytest.mark.parametrize(("shots", "views", "spread"), [(2, 2, 1.0), (4, 3, 0.3), (3, 4, 2.0)])
def test_gradient_equals_the_differences_of_the_slow_loops(
    shots: int, views: int, spread: float, embed_norm: str, anchors: int
) -> None:
    points = some_points(shots, shots=shots, views=views, dim=3, spread=spread)
    fast = torch.from_numpy(points).requires_grad_()
    (5 * criterion(fast, dim=3, margin=1.5, embed_norm=embed_norm, anchors=anchors)).backward()
    slow = 5 * numeric_gradient(lambda x: slow_triplet(slow_norm(x, embed_norm), 1.5), points)
    assert fast.grad is not None
    assert np.abs(slow).max() > 0.1
    np.testing.assert_allclose(fast.grad.numpy(), slow, atol=1e-6)


@pytest.mark.parametrize("embed_norm", ["row", "batch"])
def test_gradients_of_head_and_embeddings_by_differences(embed_norm: str) -> None:
    objective = Exemplar(dim=3, margin=1.5, embed_norm=embed_norm, anchors=4).build(5, shots=1)
    assert gradients_agree(objective, torch.randn(4, 3, 5), targets=None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_result_and_gradient_are_the_same_for_any_number_of_anchors(dtype: torch.dtype) -> None:
    points = torch.from_numpy(some_points(0, shots=9, views=4, dim=6, spread=0.8)).to(dtype)
    whole = points.clone().requires_grad_()
    expected = semihard_triplet(whole, margin=0.5, anchors=36)
    expected.backward()
    for anchors in (1, 2, 5, 8, 35, 37, 1000):
        again = points.clone().requires_grad_()
        loss = semihard_triplet(again, margin=0.5, anchors=anchors)
        loss.backward()
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(again.grad, whole.grad)


class LargestTensor(TorchDispatchMode):
    """Remembers the largest tensor that any operation made while this was on."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in made if isinstance(made, tuple | list) else (made,):
            if isinstance(each, torch.Tensor):
                self.numbers = max(self.numbers, each.numel())
        return made


@pytest.mark.parametrize("anchors", [6, 20, 400])
def test_no_more_rows_of_distances_than_anchors_exist(anchors: int) -> None:
    points = torch.randn(100, 4, 3, requires_grad=True)
    with LargestTensor() as forward:
        loss = semihard_triplet(points, margin=0.5, anchors=anchors)
    with LargestTensor() as backward:
        loss.backward()
    assert forward.numbers == backward.numbers == anchors * 400


def test_all_points_equal_gives_the_margin() -> None:
    """No negative is strictly farther, so the farthest is taken: it is as near as the positive."""
    assert semihard_triplet(torch.ones(3, 4, 5), margin=0.5, anchors=5).item() == pytest.approx(0.5)


@pytest.mark.parametrize("embed_norm", ["row", "batch"])
def test_a_collapsed_network_stays_at_chance(embed_norm: str) -> None:
    config = Exemplar(dim=7, margin=0.3, embed_norm=embed_norm)
    objective = config.build(5, shots=2)
    loss = objective.criterion(objective(torch.ones(4, 3, 5)), targets=None)
    assert loss.item() == pytest.approx(objective.chance(4, columns=3), abs=1e-5)
    assert objective.chance(4, columns=3) == 0.3


def test_not_a_number_is_not_hidden() -> None:
    points = torch.randn(3, 2, 4)
    points[1, 1, 2] = torch.nan
    assert semihard_triplet(points, margin=0.5).isnan()


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
    block = squared_distances(points, squares_M=points.square().sum(dim=1), rows=slice(3, 7))
    torch.testing.assert_close(block, torch.cdist(points[3:7], points).square(), rtol=1e-4, atol=1e-5)
    assert block.min() >= 0


def test_the_head_gives_unit_vectors_and_identity_is_the_shot() -> None:
    objective = Exemplar(dim=10).build(7, shots=1)
    points = objective(torch.randn(4, 3, 7))
    assert points.shape == (4, 3, 10)
    torch.testing.assert_close(points.norm(dim=-1), torch.ones(4, 3))
    frames = torch.randn(4, 3, 3, 8, 8)
    draw = Draw(seed=0, step=0, purpose="test", first=0, count=4, total=4)
    question = objective.pretext(frames, draw=draw)
    assert question.views is frames
    assert question.targets is None


def test_batch_norm_takes_the_group_that_is_compared() -> None:
    """The head knows only its own rows, so the criterion normalises: parts of the batch may come from elsewhere."""
    objective = Exemplar(dim=6, embed_norm="batch").build(7, shots=1)
    embeddings = torch.randn(4, 3, 7)
    together = objective(embeddings)
    apart = torch.cat([objective(embeddings[:1]), objective(embeddings[1:])])
    torch.testing.assert_close(together, apart)
    assert not torch.allclose(together.norm(dim=-1), torch.ones(4, 3))
    longer = objective.criterion(3 * together, targets=None)
    torch.testing.assert_close(objective.criterion(together, targets=None), longer)


def test_sizes_and_settings() -> None:
    config = Exemplar()
    objective = config.build(2048, shots=4)
    assert isinstance(objective, ExemplarObjective)
    assert sum(each.numel() for each in objective.parameters()) == 2048 * 1000 + 1000
    assert (config.min_views, config.min_side) == (2, 1)
    assert load(dump(Exemplar(embed_norm="batch", anchors=3)), Exemplar) == Exemplar(embed_norm="batch", anchors=3)

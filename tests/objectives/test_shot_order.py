"""Shot order: reversed with probability 1/2, never the frames, the same however the batch is split."""

import math

import numpy as np
import pytest
import torch
from tests.reference.differences import gradients_agree, numeric_gradient, shaken
from tests.reference.slow_infonce import slow_mlp

from vivi.core.seeds import Draw
from vivi.objectives.base import Objective
from vivi.objectives.shot_order import ShotOrder


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def draw(*, first: int = 0, count: int, total: int, step: int = 0) -> Draw:
    return Draw(seed=3, step=step, purpose="video/shotorder", first=first, count=count, total=total)


def slow_order(objective: Objective, shots_NKD: np.ndarray, targets_N: np.ndarray) -> float:
    """The loss of shots as they are shown, video by video, as the sigmoid form has it."""
    weights = {name: value.detach().numpy() for name, value in objective.named_parameters()}
    losses = []
    for shots_KD, target in zip(shots_NKD, targets_N, strict=True):
        if "projection.weight" in weights:
            shots_KD = [weights["projection.weight"] @ each + weights["projection.bias"] for each in shots_KD]
        upright, turned = slow_mlp(np.concatenate(list(shots_KD)), weights, "classifier")
        score = turned - upright if target else upright - turned
        losses.append(math.log(1 + math.exp(-score)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("projection", [6, None])
@pytest.mark.parametrize(("videos", "shots"), [(1, 2), (5, 3), (4, 6)])
def test_equals_the_slow_loops(videos: int, shots: int, projection: int | None) -> None:
    objective = shaken(ShotOrder(hidden=5, projection=projection).build(7, shots=shots))
    random = np.random.default_rng(shots)
    x, targets = random.normal(size=(videos, shots, 7)), random.integers(2, size=videos)
    tensor = torch.from_numpy(x).requires_grad_()
    loss = objective.criterion(objective(tensor), targets=torch.from_numpy(targets))
    assert loss.item() == pytest.approx(slow_order(objective, x, targets), rel=1e-9)
    loss.backward()
    assert tensor.grad is not None
    slow = numeric_gradient(lambda x: slow_order(objective, x, targets), x)
    np.testing.assert_allclose(tensor.grad.numpy(), slow, atol=1e-7)


def test_gradients_by_differences() -> None:
    objective = ShotOrder(hidden=5, projection=3).build(4, shots=3)
    assert gradients_agree(objective, torch.randn(5, 3, 4), targets=torch.tensor([0, 1, 1, 0, 1]))


@pytest.mark.parametrize("shots", [2, 3, 4])
def test_shots_are_reversed_where_the_target_says_so_and_stay_whole(shots: int) -> None:
    objective = ShotOrder().build(4, shots=shots)
    x = torch.arange(64 * shots * 4, dtype=torch.float32).view(64, shots, 4)
    question = objective.pretext(x, draw=draw(count=64, total=64))
    assert question.targets is not None
    assert question.targets.dtype == torch.int64
    assert set(question.targets.tolist()) == {0, 1}
    for shown, original, target in zip(question.views, x, question.targets.tolist(), strict=True):
        for k in range(shots):
            assert torch.equal(shown[k], original[shots - 1 - k if target else k])


def test_half_of_the_videos_are_reversed_and_others_in_the_next_step() -> None:
    objective = ShotOrder().build(1, shots=2)
    x = torch.zeros(4000, 2, 1)
    first, second = (objective.pretext(x, draw=draw(count=4000, total=4000, step=step)).targets for step in (0, 1))
    assert first is not None
    assert second is not None
    assert abs(first.double().mean().item() - 0.5) < 0.04  # five standard deviations
    assert abs((first == second).double().mean().item() - 0.5) < 0.04


def test_the_split_of_the_batch_does_not_matter() -> None:
    objective = ShotOrder().build(4, shots=3)
    x = torch.randn(64, 3, 4)
    whole = objective.pretext(x, draw=draw(count=64, total=64))
    parts = [
        objective.pretext(x[first : first + count], draw=draw(first=first, count=count, total=64))
        for first, count in ((0, 29), (29, 1), (30, 34))
    ]
    assert torch.equal(whole.views, torch.cat([part.views for part in parts]))
    assert whole.targets is not None
    assert torch.equal(whole.targets, torch.cat([part.targets for part in parts if part.targets is not None]))


def test_the_gradient_reaches_the_shot_it_came_from() -> None:
    objective = ShotOrder().build(4, shots=2)
    x = torch.randn(16, 2, 4, requires_grad=True)
    question = objective.pretext(x, draw=draw(count=16, total=16))
    assert question.targets is not None
    question.views[:, 0].sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad[:, 0, 0] == 0, question.targets == 1)
    assert torch.equal(x.grad[:, 1, 0] == 1, question.targets == 1)


def test_chance_is_ln_2_and_a_sorted_code_beats_it() -> None:
    objective = ShotOrder(hidden=16, projection=None).build(1, shots=2)
    x = torch.tensor([0.0, 1.0]).view(1, 2, 1).expand(64, 2, 1)
    question = objective.pretext(x, draw=draw(count=64, total=64))
    assert objective.chance(1024, columns=2) == pytest.approx(math.log(2))
    with torch.no_grad():
        objective.classifier[-1].weight.zero_()
    blind = objective.criterion(objective(question.views), targets=question.targets)
    assert blind.item() == pytest.approx(math.log(2))
    optimiser = torch.optim.SGD(objective.parameters(), lr=0.5)
    for _ in range(60):
        optimiser.zero_grad()
        loss = objective.criterion(objective(question.views), targets=question.targets)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1


def test_sizes() -> None:
    objective = ShotOrder().build(2048, shots=2)
    counts = [each.numel() for each in objective.parameters()]
    assert sum(counts) == (2048 * 512 + 512) + (2 * 512 * 512 + 512) + (512 * 2 + 2)


def test_one_shot_has_no_order() -> None:
    with pytest.raises(ValueError, match="ShotOrder needs at least 2 shots of a video, got 1"):
        ShotOrder().build(8, shots=1)

"""InfoNCE against loops that follow equation 2 and footnote 3."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.differences import gradients_agree, numeric_gradient, shaken
from tests.reference.slow_infonce import slow_info_nce, slow_lstm, slow_mlp

from vivi.core.config import dump, load
from vivi.nn.heads import LSTMPredictor, MLPPredictor, Predictor
from vivi.objectives.base import Objective
from vivi.objectives.infonce import InfoNCE, info_nce

PREDICTORS = (MLPPredictor(hidden=8, output=4), LSTMPredictor(hidden=4, layers=2))
OPTIONS = [
    {"symmetric": symmetric, "normalise": normalise, "temperature": temperature}
    for symmetric, normalise, temperature in product([False, True], [False, True], [1.0, 0.3])
]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def random_shots(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def loss_of(objective: Objective, shots_NKD: torch.Tensor) -> float:
    return float(objective.criterion(objective(shots_NKD), targets=None).item())


def slow_loss(objective: Objective, config: InfoNCE, shots_NKD: torch.Tensor) -> float:
    """The whole objective in loops over videos and directions."""
    weights = {name: value.detach().numpy() for name, value in objective.named_parameters()}
    inside = {name.removeprefix("predictor."): value for name, value in weights.items()}
    shots = shots_NKD.numpy()
    if config.projection:
        shots = shots @ weights["projection.weight"].T + weights["projection.bias"]
    losses = []
    for order in (shots, shots[:, ::-1]) if config.symmetric else (shots,):
        pairs = [slow_predictor(video, inside, config.predictor) for video in order]
        predictions, candidates = (np.stack(each) for each in zip(*pairs, strict=True))
        if config.normalise:
            predictions = predictions / np.sqrt((predictions**2).sum(-1, keepdims=True))
            candidates = candidates / np.sqrt((candidates**2).sum(-1, keepdims=True))
        losses.append(slow_info_nce(predictions / config.temperature, candidates))
    return sum(losses) / len(losses)


def slow_predictor(shots_KD: np.ndarray, weights: Any, predictor: Predictor) -> tuple[np.ndarray, np.ndarray]:
    read = shots_KD[: len(shots_KD) - predictor.ahead]
    if isinstance(predictor, MLPPredictor):
        predictions = np.stack([slow_mlp(each, weights, "phi1") for each in read])
        return predictions, np.stack([slow_mlp(each, weights, "phi2") for each in shots_KD])
    assert isinstance(predictor, LSTMPredictor)
    states = slow_lstm(read, weights, layers=predictor.layers)
    return states @ weights["output.weight"].T + weights["output.bias"], shots_KD


@settings(max_examples=60, deadline=None)
@given(videos=st.integers(1, 5), shots=st.integers(2, 5), data=st.data())
def test_equals_the_slow_loops(videos: int, shots: int, data: st.DataObject) -> None:
    terms = data.draw(st.integers(1, shots - 1))
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    predictions = random.normal(size=(videos, terms, 6))
    candidates = random.normal(size=(videos, shots, 6))
    fast = info_nce(torch.from_numpy(predictions), candidates_NKP=torch.from_numpy(candidates)).item()
    assert fast == pytest.approx(slow_info_nce(predictions, candidates), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("videos", "shots", "terms"), [(2, 2, 1), (3, 4, 3), (4, 3, 1)])
def test_gradient_equals_the_differences_of_the_slow_loops(videos: int, shots: int, terms: int) -> None:
    random = np.random.default_rng(videos)
    predictions, candidates = random.normal(size=(videos, terms, 3)), random.normal(size=(videos, shots, 3))
    fast = [torch.from_numpy(each).requires_grad_() for each in (predictions, candidates)]
    info_nce(fast[0], candidates_NKP=fast[1]).backward()
    slow = (
        numeric_gradient(lambda x: slow_info_nce(x, candidates), predictions),
        numeric_gradient(lambda x: slow_info_nce(predictions, x), candidates),
    )
    for tensor, expected in zip(fast, slow, strict=True):
        assert tensor.grad is not None
        np.testing.assert_allclose(tensor.grad.numpy(), expected, atol=1e-7)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shots", [2, 3, 5])
@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: type(each).__name__)
def test_the_whole_objective_equals_loops(predictor: Predictor, shots: int, options: dict[str, Any]) -> None:
    for ahead, projection in product(range(1, shots), (6, None)):
        again = load(dump(predictor) | {"ahead": ahead}, Predictor)
        config = InfoNCE(predictor=again, projection=projection, **options)
        assert config.min_shots == ahead + 1
        objective = shaken(config.build(7, shots=shots))
        embeddings = random_shots(shots, 3, shots, 7)
        assert loss_of(objective, embeddings) == pytest.approx(slow_loss(objective, config, embeddings), rel=1e-9)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: type(each).__name__)
def test_gradients_by_differences(predictor: Predictor, options: dict[str, Any]) -> None:
    objective = InfoNCE(predictor=predictor, projection=3, **options).build(4, shots=3)
    assert gradients_agree(objective, random_shots(1, 3, 3, 4), targets=None)


@pytest.mark.parametrize(("videos", "shots", "classes"), [(5, 4, 17), (1024, 2, 2047), (512, 4, 2045)])
def test_equal_scores_give_the_logarithm_of_the_number_of_classes(videos: int, shots: int, classes: int) -> None:
    predictions = torch.zeros(videos, shots - 1, 3)
    candidates = torch.randn(videos, shots, 3, generator=torch.Generator().manual_seed(0))
    assert info_nce(predictions, candidates_NKP=candidates).item() == pytest.approx(math.log(classes), rel=1e-6)
    chance = InfoNCE().build(8, shots=shots).chance(videos, columns=shots)
    assert chance == pytest.approx(math.log(classes))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: type(each).__name__)
def test_a_collapsed_network_stays_at_chance(predictor: Predictor, options: dict[str, Any]) -> None:
    objective = InfoNCE(predictor=predictor, projection=6, **options).build(8, shots=2)
    loss = loss_of(objective, torch.ones(5, 2, 8))
    assert loss == pytest.approx(objective.chance(5, columns=2), rel=1e-5)


def test_other_shots_of_the_own_video_are_no_candidates() -> None:
    predictions, candidates = random_shots(0, 3, 1, 4), random_shots(1, 3, 4, 4)
    grad = candidates.clone().requires_grad_()
    first_only = torch.zeros_like(predictions)
    first_only[0] = predictions[0]
    info_nce(first_only, candidates_NKP=grad).backward()
    assert grad.grad is not None
    assert grad.grad[0, :3].abs().max() == 0
    assert grad.grad[0, 3].abs().max() > 0
    assert grad.grad[1:].abs().amax(dim=-1).min() > 0  # every shot of every other video is one


@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: type(each).__name__)
def test_gradients_flow_to_the_shots_that_are_read_and_to_those_that_are_predicted(predictor: Predictor) -> None:
    objective = InfoNCE(predictor=predictor, projection=None).build(4, shots=2).double()
    shots = random_shots(2, 3, 2, 4).requires_grad_()
    objective.criterion(objective(shots), targets=None).backward()
    assert shots.grad is not None
    assert shots.grad[:, 0].abs().amax(dim=-1).min() > 0
    assert shots.grad[:, 1].abs().amax(dim=-1).min() > 0


@pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda each: type(each).__name__)
def test_symmetric_is_the_mean_of_a_video_and_its_reverse(predictor: Predictor) -> None:
    one_way = InfoNCE(predictor=predictor, projection=5).build(4, shots=4).double()
    both = InfoNCE(predictor=predictor, projection=5, symmetric=True).build(4, shots=4).double()
    both.load_state_dict(one_way.state_dict())
    shots = random_shots(3, 3, 4, 4)
    there, back = loss_of(one_way, shots), loss_of(one_way, shots.flip(1))
    assert abs(there - back) > 1e-4
    assert loss_of(both, shots) == pytest.approx((there + back) / 2)
    assert loss_of(both, shots.flip(1)) == pytest.approx((there + back) / 2)


def test_without_projection_the_embedding_itself_is_predicted() -> None:
    predictions, candidates = InfoNCE(projection=None).build(8, shots=4)(torch.randn(2, 4, 8))
    assert predictions.shape == (2, 3, 8)
    assert candidates.shape == (2, 4, 8)


def test_the_projection_comes_before_the_predictor() -> None:
    objective = InfoNCE(projection=16).build(8, shots=4)
    predictions, candidates = objective(torch.randn(2, 4, 8))
    assert predictions.shape == (2, 3, 16)
    assert candidates.shape == (2, 4, 16)


@pytest.mark.parametrize(("ahead", "shots"), [(1, 1), (2, 2), (3, 1)])
def test_too_few_shots_are_refused(ahead: int, shots: int) -> None:
    config = InfoNCE(predictor=MLPPredictor(ahead=ahead))
    with pytest.raises(ValueError, match=f"InfoNCE needs at least {ahead + 1} shots of a video, got {shots}"):
        config.build(8, shots=shots)
    config.build(8, shots=ahead + 1)

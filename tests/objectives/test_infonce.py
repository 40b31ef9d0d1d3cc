"""InfoNCE against loops that follow equation 2 and footnote 3."""

import math

import numpy as np
import pytest
import torch

from vivi.objectives.infonce import InfoNCE, info_nce


def slow_info_nce(predictions_NTP: np.ndarray, candidates_NKP: np.ndarray) -> float:
    videos, terms, _ = predictions_NTP.shape
    shots = candidates_NKP.shape[1]
    losses = []
    for i in range(videos):
        for t in range(terms):
            target = shots - terms + t
            right = float(predictions_NTP[i, t] @ candidates_NKP[i, target])
            others = [
                float(predictions_NTP[i, t] @ candidates_NKP[j, k])
                for j in range(videos)
                if j != i
                for k in range(shots)
            ]
            losses.append(math.log(sum(math.exp(score - right) for score in [right, *others])))
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("videos", "shots", "terms"), [(2, 2, 1), (3, 4, 3), (5, 3, 2)])
def test_equals_the_slow_loops(videos: int, shots: int, terms: int) -> None:
    random = np.random.default_rng(videos)
    predictions = random.normal(size=(videos, terms, 6))
    candidates = random.normal(size=(videos, shots, 6))
    fast = info_nce(torch.from_numpy(predictions), candidates_NKP=torch.from_numpy(candidates)).item()
    assert fast == pytest.approx(slow_info_nce(predictions, candidates), rel=1e-5)


@pytest.mark.parametrize(("videos", "shots", "classes"), [(5, 4, 17), (1024, 2, 2047), (512, 4, 2045)])
def test_equal_scores_give_the_logarithm_of_the_number_of_classes(videos: int, shots: int, classes: int) -> None:
    predictions = torch.zeros(videos, shots - 1, 3)
    candidates = torch.randn(videos, shots, 3, generator=torch.Generator().manual_seed(0))
    assert info_nce(predictions, candidates_NKP=candidates).item() == pytest.approx(math.log(classes), rel=1e-6)
    assert InfoNCE().build(8).chance(videos, columns=shots) == pytest.approx(math.log(classes))


def test_other_shots_of_the_own_video_are_no_candidates() -> None:
    predictions, candidates = torch.randn(3, 1, 4), torch.randn(3, 4, 4)
    grad = candidates.clone().requires_grad_()
    first_only = torch.zeros_like(predictions)
    first_only[0] = predictions[0]
    info_nce(first_only, candidates_NKP=grad).backward()
    assert grad.grad is not None
    assert grad.grad[0, :3].abs().max() == 0
    assert grad.grad[0, 3].abs().max() > 0
    assert grad.grad[1:].abs().max() > 0


def test_gradients_flow_to_predictions_and_candidates() -> None:
    predictions = torch.randn(3, 3, 4, requires_grad=True)
    candidates = torch.randn(3, 4, 4, requires_grad=True)
    info_nce(predictions, candidates_NKP=candidates).backward()
    assert predictions.grad is not None
    assert candidates.grad is not None
    assert predictions.grad.abs().sum() > 0
    assert candidates.grad.abs().sum() > 0


def test_the_lstm_predicts_each_shot_from_those_before_it() -> None:
    objective = InfoNCE(projection=16).build(8)
    shots = torch.randn(2, 4, 8)
    predictions, candidates = objective(shots)
    assert predictions.shape == (2, 3, 16)
    assert candidates.shape == (2, 4, 16)
    changed = shots.clone()
    changed[:, 2] += 1
    again, _ = objective(changed)
    torch.testing.assert_close(again[:, :2], predictions[:, :2])
    assert not torch.allclose(again[:, 2], predictions[:, 2])


def test_without_projection_the_embedding_itself_is_predicted() -> None:
    predictions, candidates = InfoNCE(projection=None).build(8)(torch.randn(2, 4, 8))
    assert predictions.shape == (2, 3, 8)
    assert candidates.shape == (2, 4, 8)

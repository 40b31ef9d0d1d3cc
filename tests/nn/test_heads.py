"""Initial values, sizes, and which shots a prediction may see."""

import math

import numpy as np
import pytest
import torch
from tests.reference.slow_infonce import slow_lstm, slow_mlp
from torch import Tensor, nn

from vivi.nn.heads import LSTMPredictor, MLPPredictor, Predictor, linear, mlp, projection

PREDICTORS = (MLPPredictor, LSTMPredictor)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def size(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in module.named_parameters()}


def random_shots(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_linear_has_glorot_uniform_weights_and_zero_biases() -> None:
    layer = linear(300, outputs=100)
    limit = math.sqrt(6 / 400)
    assert 0.99 * limit < layer.weight.abs().max().item() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.02)
    assert layer.bias.abs().max() == 0


def test_projection_is_linear_or_nothing() -> None:
    x = torch.randn(3, 2, 5)
    assert projection(5, outputs=None)(x) is x
    layer = projection(5, outputs=4)
    torch.testing.assert_close(layer(2 * x), 2 * layer(x))
    assert layer(x).shape == (3, 2, 4)


def test_mlp_has_one_hidden_layer_with_relu() -> None:
    module = mlp(5, hidden=7, outputs=3).double()
    nn.init.normal_(module[0].bias)
    x = random_shots(4, 5)
    named = {f"it.{name}": value for name, value in arrays(module).items()}
    np.testing.assert_allclose(module(x).detach().numpy(), [slow_mlp(each, named, "it") for each in x.numpy()])
    assert size(module) == 5 * 7 + 7 + 7 * 3 + 3


@pytest.mark.parametrize("ahead", [1, 2, 3])
@pytest.mark.parametrize("kind", PREDICTORS)
def test_a_prediction_sees_only_what_ends_ahead_of_it(kind: type[Predictor], ahead: int) -> None:
    """Prediction t is of shot K - T + t = ahead + t: it may use shot t (and before it), nothing later."""
    module = kind(ahead=ahead).build(6).double()
    shots = random_shots(2, 5, 6)
    predictions, candidates = module(shots)
    assert predictions.shape[:2] == (2, 5 - ahead)
    assert candidates.shape[:2] == (2, 5)
    for changed in range(5):
        moved = shots.clone()
        moved[:, changed] += 1
        again, after = module(moved)
        for t in range(5 - ahead):
            sees = t == changed if kind is MLPPredictor else t >= changed
            assert torch.allclose(again[:, t], predictions[:, t]) is not sees
        for k in range(5):
            assert torch.allclose(after[:, k], candidates[:, k]) is (k != changed)


def test_the_two_perceptrons_are_separate_and_phi1_reads_the_past() -> None:
    module = MLPPredictor(hidden=5, output=3).build(4).double()
    shots = random_shots(2, 3, 4)
    predictions, candidates = module(shots)
    assert not torch.allclose(module.phi1(shots), module.phi2(shots))
    torch.testing.assert_close(predictions, module.phi1(shots[:, :2]))
    torch.testing.assert_close(candidates, module.phi2(shots))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_lstm_equals_loops(layers: int) -> None:
    module = LSTMPredictor(hidden=5, layers=layers).build(4).double()
    shots = random_shots(3, 4, 4)
    predictions, candidates = module(shots)
    weights = arrays(module)
    for video, shown in zip(predictions, shots.numpy(), strict=True):
        states = slow_lstm(shown[:3], weights, layers=layers)
        expected = states @ weights["output.weight"].T + weights["output.bias"]
        np.testing.assert_allclose(video.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    assert candidates is shots


def test_the_lstm_starts_with_open_forget_gates() -> None:
    lstm = LSTMPredictor(hidden=5, layers=2).build(4).lstm
    for layer in range(2):
        bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
        assert bias.tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10


def test_sizes_of_the_paper() -> None:
    perceptron = 512 * 256 + 256 + 256 * 128 + 128
    assert size(MLPPredictor().build(512)) == 2 * perceptron
    first, second = 4 * 256 * (512 + 256 + 2), 4 * 256 * (256 + 256 + 2)
    assert size(LSTMPredictor().build(512)) == first + second + 256 * 512 + 512


@pytest.mark.parametrize("kind", PREDICTORS)
def test_a_shot_cannot_predict_itself(kind: type[Predictor]) -> None:
    with pytest.raises(ValueError, match="ahead"):
        kind(ahead=0)

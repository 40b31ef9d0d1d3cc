"""Layers that stand on embeddings: linear maps with TensorFlow's initial values, and predictors of later shots.

Source: paper section 4 (the sizes of hidden layers); what it leaves open is said where it is chosen.
"""

from abc import ABC, abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from vivi.core.config import config


def linear(inputs: int, *, outputs: int) -> nn.Linear:
    """A linear map with Glorot uniform weights and zero biases (the defaults of the paper's TensorFlow 1 layers)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def projection(inputs: int, *, outputs: int | None) -> nn.Module:
    """A linear map to `outputs` numbers; without a number of outputs nothing is changed."""
    return nn.Identity() if outputs is None else linear(inputs, outputs=outputs)


def mlp(inputs: int, *, hidden: int, outputs: int) -> nn.Module:
    """Two linear maps with a ReLU between them: the paper's perceptron with a single hidden layer."""
    return nn.Sequential(linear(inputs, outputs=hidden), nn.ReLU(), linear(hidden, outputs=outputs))


@config
class Predictor(ABC):
    """Predicts the embeddings of later shots from earlier ones; subclasses build the module.

    `ahead` is how many shots lie between the last shot that is read and the one that is predicted, plus one.
    """

    ahead: Annotated[int, Field(ge=1)] = 1

    @abstractmethod
    def build(self, dim: int) -> nn.Module:
        """A module from shots_NKD to (predictions_NTP, candidates_NKP), which are compared by dot products.

        D is `dim`, P is the predictor's own choice, T is K - `ahead`; prediction t of a video is of its shot
        K - T + t. The candidate of a shot depends on this shot alone.
        """


@config
class MLPPredictor(Predictor):
    """Two perceptrons: phi1 of a shot predicts phi2 of the shot that lies `ahead` (paper, section 4, two shots).

    256 hidden units are the paper's; the output size and the ReLU are ours.
    """

    hidden: Annotated[int, Field(ge=1)] = 256
    output: Annotated[int, Field(ge=1)] = 128

    def build(self, dim: int) -> nn.Module:
        """A module that predicts every shot from the one `ahead` before it; P is `output`."""
        return MLPHead(dim, hidden=self.hidden, output=self.output, ahead=self.ahead)


class MLPHead(nn.Module):
    """shots_NKD -> (phi1 of all shots but the last `ahead`, N x (K - ahead) x P; phi2 of all shots, N x K x P)."""

    def __init__(self, dim: int, *, hidden: int, output: int, ahead: int) -> None:
        super().__init__()
        self.ahead = ahead
        self.phi1 = mlp(dim, hidden=hidden, outputs=output)
        self.phi2 = mlp(dim, hidden=hidden, outputs=output)

    def forward(self, shots_NKD: Tensor) -> tuple[Tensor, Tensor]:
        """Predict each shot from the one `ahead` before it."""
        return self.phi1(shots_NKD[:, : -self.ahead]), self.phi2(shots_NKD)


@config
class LSTMPredictor(Predictor):
    """An LSTM reads the shots in order; its output after shot k predicts shot k + `ahead` (paper, section 4).

    256 hidden units are the paper's; two layers and the linear map back to the embedding size are ours.
    """

    hidden: Annotated[int, Field(ge=1)] = 256
    layers: Annotated[int, Field(ge=1)] = 2

    def build(self, dim: int) -> nn.Module:
        """A module that predicts every shot from all that end `ahead` before it; the candidates are the shots."""
        return LSTMHead(dim, hidden=self.hidden, layers=self.layers, ahead=self.ahead)


class LSTMHead(nn.Module):
    """shots_NKD -> (predictions of the shots 1 + ahead .. K, N x (K - ahead) x D; the shots themselves)."""

    def __init__(self, dim: int, *, hidden: int, layers: int, ahead: int) -> None:
        super().__init__()
        self.ahead = ahead
        self.lstm = nn.LSTM(dim, hidden, num_layers=layers, batch_first=True)
        self.output = linear(hidden, outputs=dim)
        self._reset()

    def forward(self, shots_NKD: Tensor) -> tuple[Tensor, Tensor]:
        """Predict each shot from those that end `ahead` before it."""
        states_NTH, _ = self.lstm(shots_NKD[:, : -self.ahead])
        return self.output(states_NTH), shots_NKD

    def _reset(self) -> None:
        """Glorot weights, zero biases, forget gates open (the usual start of TensorFlow's LSTM cells)."""
        hidden = self.lstm.hidden_size
        with torch.no_grad():
            for value in self.lstm.parameters():
                if value.ndim == 2:
                    nn.init.xavier_uniform_(value)
                else:
                    nn.init.zeros_(value)
                    value[hidden : 2 * hidden] = 0.5  # torch adds two biases

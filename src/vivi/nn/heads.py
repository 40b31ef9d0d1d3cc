"""Layers that stand on embeddings: linear maps with TensorFlow's initial values, and the LSTM predictor."""

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


@config
class Predictor(ABC):
    """Predicts the embeddings of later shots from earlier ones; subclasses build the module."""

    @abstractmethod
    def build(self, dim: int) -> nn.Module:
        """A module from shots_NKD to (predictions_NTP, candidates_NKP), which are compared by dot products.

        D is `dim`, P is the predictor's own choice; prediction t of a video is of its shot K - T + t.
        """


@config
class LSTMPredictor(Predictor):
    """An LSTM reads the shots in order; its output after shot k predicts shot k + 1 (paper, section 4).

    256 hidden units are the paper's; two layers and the linear map back to the embedding size are ours.
    """

    hidden: Annotated[int, Field(ge=1)] = 256
    layers: Annotated[int, Field(ge=1)] = 2

    def build(self, dim: int) -> nn.Module:
        """A module that predicts the shots 2 .. K; the candidates are the shots as they are."""
        return LSTMHead(dim, hidden=self.hidden, layers=self.layers)


class LSTMHead(nn.Module):
    """shots_NKD -> (predictions of the shots 2 .. K, N x (K-1) x D; the shots themselves)."""

    def __init__(self, dim: int, *, hidden: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, num_layers=layers, batch_first=True)
        self.output = linear(hidden, outputs=dim)
        self._reset()

    def forward(self, shots_NKD: Tensor) -> tuple[Tensor, Tensor]:
        """Predict each shot from those before it."""
        states_NTH, _ = self.lstm(shots_NKD[:, :-1])
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

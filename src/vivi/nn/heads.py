"""Layers that stand on embeddings: linear maps with TensorFlow's initial values, and the LSTM predictor."""

from abc import ABC, abstractmethod

import torch
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
        """A module from shots_NKD to predictions_NTD; prediction t is of shot K - T + t. D is `dim`."""


@config
class LSTMPredictor(Predictor):
    """An LSTM reads the shots in order; its output after shot k predicts shot k + 1 (paper, section 4).

    256 hidden units are the paper's; two layers and the linear map back to the embedding size are ours (docs/defaults.md).
    """

    hidden: int = 256
    layers: int = 2

    def build(self, dim: int) -> nn.Module:
        """A module from shots_NKD to predictions of the shots 2 .. K."""
        return LSTMHead(dim, hidden=self.hidden, layers=self.layers)


class LSTMHead(nn.Module):
    """shots_NKD -> predictions of the shots 2 .. K, shape N x (K-1) x D."""

    def __init__(self, dim: int, *, hidden: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, num_layers=layers, batch_first=True)
        self.output = linear(hidden, outputs=dim)
        self._reset()

    def forward(self, shots_NKD: Tensor) -> Tensor:
        """Predict each shot from those before it."""
        states_NTH, _ = self.lstm(shots_NKD[:, :-1])
        predictions_NTD: Tensor = self.output(states_NTH)
        return predictions_NTD

    def _reset(self) -> None:
        """Glorot weights, zero biases, forget gates open (the usual start of TensorFlow's LSTM cells)."""
        hidden = self.lstm.hidden_size
        with torch.no_grad():
            for name, value in self.lstm.named_parameters():
                if value.ndim == 2:
                    nn.init.xavier_uniform_(value)
                else:
                    nn.init.zeros_(value)
                    value[hidden : 2 * hidden] = 0.5 if "bias" in name else 0.0

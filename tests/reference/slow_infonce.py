"""InfoNCE and its predictors in loops that follow equation 2 and footnote 3, and the usual text on the LSTM."""

import math
from collections.abc import Mapping

import numpy as np

Weights = Mapping[str, np.ndarray]


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


def slow_mlp(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """One vector through two linear maps with a ReLU between them."""
    hidden = weights[f"{name}.0.weight"] @ x + weights[f"{name}.0.bias"]
    positive = np.array([max(0.0, each) for each in hidden])
    return weights[f"{name}.2.weight"] @ positive + weights[f"{name}.2.bias"]


def slow_lstm(shots_KD: np.ndarray, weights: Weights, *, layers: int) -> np.ndarray:
    """The outputs of the last layer after each shot; gates in the order input, forget, cell, output."""
    sequence = list(shots_KD)
    for layer in range(layers):
        size = weights[f"lstm.weight_hh_l{layer}"].shape[1]
        state, cell, outputs = np.zeros(size), np.zeros(size), []
        for x in sequence:
            gates = weights[f"lstm.weight_ih_l{layer}"] @ x + weights[f"lstm.bias_ih_l{layer}"]
            gates = gates + weights[f"lstm.weight_hh_l{layer}"] @ state + weights[f"lstm.bias_hh_l{layer}"]
            entry, forget, new, out = gates.reshape(4, size)
            cell = _sigmoid(forget) * cell + _sigmoid(entry) * np.tanh(new)
            state = _sigmoid(out) * np.tanh(cell)
            outputs.append(state)
        sequence = outputs
    return np.stack(sequence)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))

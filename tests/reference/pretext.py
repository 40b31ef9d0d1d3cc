"""What the tests of the pretext tasks share: slow classifiers, draws, splits of a batch, a tiny encoder that learns."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from vivi.core.seeds import Draw
from vivi.objectives.base import Objective


def draw(count: int, *, step: int = 0, first: int = 0, total: int | None = None) -> Draw:
    """The draw of `count` rows out of `total`, all of them unless said otherwise."""
    return Draw(seed=3, step=step, purpose="frame/test", first=first, count=count, total=total or count)


def slow_cross_entropy(logits: list[list[float]], labels: list[int]) -> float:
    """The mean of -log softmax at the label, row by row."""
    losses = []
    for row, label in zip(logits, labels, strict=True):
        top = max(row)
        losses.append(math.log(sum(math.exp(score - top) for score in row)) - (row[label] - top))
    return sum(losses) / len(losses)


def slow_linear(layer: nn.Module, x: np.ndarray) -> np.ndarray:
    """weight x + bias of one vector, number by number."""
    weight, bias = (value.detach().double().numpy() for value in (layer.weight, layer.bias))
    rows = zip(weight, bias, strict=True)
    return np.array([sum(float(w) * float(v) for w, v in zip(row, x, strict=True)) + b for row, b in rows])


def slow_mlp(classify: nn.Module, x: np.ndarray) -> np.ndarray:
    """Linear, ReLU, linear."""
    return slow_linear(classify[2], np.maximum(slow_linear(classify[0], x), 0))


def check_gradients(objective: Objective, *, embeddings_SVD: Tensor, targets: Tensor) -> None:
    """Gradients of criterion(head) for the embeddings and every parameter equal central differences in float64."""
    objective.double()
    names = [name for name, _ in objective.named_parameters()]

    def loss(embeddings: Tensor, *values: Tensor) -> Tensor:
        predictions = torch.func.functional_call(objective, dict(zip(names, values, strict=True)), (embeddings,))
        return objective.criterion(predictions, targets=targets)

    values = [value.detach().clone().requires_grad_() for value in objective.parameters()]
    assert torch.autograd.gradcheck(loss, (embeddings_SVD.double().requires_grad_(), *values))


def check_split(objective: Objective, frames_SLCHW: Tensor) -> None:
    """The question about a part of the batch is that part of the question about all of it."""
    shots = len(frames_SLCHW)
    whole = objective.pretext(frames_SLCHW, draw=draw(shots))
    parts = [
        objective.pretext(frames_SLCHW[first:last], draw=draw(last - first, first=first, total=shots))
        for first, last in ((0, shots // 2), (shots // 2, shots))
    ]
    assert torch.equal(torch.cat([part.views for part in parts]), whole.views)
    assert torch.equal(torch.cat([part.targets for part in parts]), whole.targets)
    assert {part.pooled for part in parts} == {whole.pooled}


def learn(objective: Objective, frames: Callable[[int], Tensor], *, dim: int, steps: int, rate: float) -> list[float]:
    """The losses of a linear encoder of pixels and the objective's head, one a step, with plain SGD."""
    first = objective.pretext(frames(0), draw=draw(len(frames(0)))).views
    encoder = nn.Linear(first[0, 0].numel(), dim)
    optimiser = torch.optim.SGD([*encoder.parameters(), *objective.parameters()], lr=rate, momentum=0.9)
    losses = []
    for step in range(steps):
        asked = objective.pretext(frames(step), draw=draw(len(first), step=step))
        loss = objective.criterion(objective(encoder(asked.views.flatten(2))), targets=asked.targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses

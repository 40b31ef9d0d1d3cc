"""Gradients of slow NumPy functions by central differences, and of modules by PyTorch's own check."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from vivi.objectives.base import Objective

STEP = 1e-6


def numeric_gradient(function: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """The gradient of a scalar function at `x`, coordinate by coordinate, good to about 1e-8."""
    gradient = np.zeros_like(x)
    for position in np.ndindex(x.shape):
        moved = x.copy()
        moved[position] = x[position] + STEP
        above = function(moved)
        moved[position] = x[position] - STEP
        gradient[position] = (above - function(moved)) / (2 * STEP)
    return gradient


def shaken(objective: Objective) -> Objective:
    """In float64, with noise on all parameters, so that no bias is zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in objective.double().parameters():
            value.add_(torch.randn(value.shape, generator=generator, dtype=value.dtype), alpha=0.3)
    return objective


def gradients_agree(objective: Objective, x: Tensor, *, targets: Tensor | None) -> bool:
    """Whether head and criterion, in float64, have the gradients of `x` and of all parameters that differences show."""
    names = [name for name, _ in objective.named_parameters()]
    values = [value.detach().clone().requires_grad_() for value in shaken(objective).parameters()]

    def loss(x: Tensor, *values: Tensor) -> Tensor:
        predictions = torch.func.functional_call(objective, dict(zip(names, values, strict=True)), (x,))
        return objective.criterion(predictions, targets=targets)

    return torch.autograd.gradcheck(loss, (x.double().requires_grad_(), *values))

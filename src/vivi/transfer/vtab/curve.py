"""Learning curves: about twenty points of a run, without waiting for the device in between."""

import math

import torch
from torch import Tensor

POINTS = 20


class Curve:
    """The points of one run."""

    def __init__(self, steps: int) -> None:
        self._due = {round(steps * number / POINTS) for number in range(1, POINTS + 1)} - {0}
        self.points: list[tuple[int, float | None, float]] = []
        """(steps done, mean loss, accuracy) since the point before; a loss that is not finite is None."""

    def is_due(self, done: int) -> bool:
        """Whether a point belongs after so many steps."""
        return done in self._due

    def add(self, done: int, loss: float, accuracy: float) -> None:
        """Put a point."""
        self.points.append((done, loss if math.isfinite(loss) else None, accuracy))

    @property
    def diverged(self) -> bool:
        """Whether a loss was infinite or undefined."""
        return any(loss is None for _, loss, _ in self.points)


class Sums:
    """Losses and accuracies of H runs side by side, added up on the device."""

    def __init__(self, runs: int, *, device: torch.device) -> None:
        self._sums_2H = torch.zeros(2, runs, dtype=torch.float64, device=device)
        self._steps = [0] * runs

    def add(self, losses_H: Tensor, *, accuracies_H: Tensor) -> None:
        """Take note of a step of the first runs; there may be fewer than at the start."""
        count = len(losses_H)
        self._sums_2H[:, :count] += torch.stack([losses_H.double(), accuracies_H.double()])
        self._steps = [steps + (at < count) for at, steps in enumerate(self._steps)]

    def means(self, run: int) -> tuple[float, float]:
        """Mean loss and accuracy of a run since they were asked for last; waits for the device."""
        loss, accuracy = (self._sums_2H[:, run] / self._steps[run]).tolist()
        self._sums_2H[:, run] = 0
        self._steps[run] = 0
        return loss, accuracy

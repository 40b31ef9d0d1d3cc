"""The optimiser and its schedule: SGD with momentum, warm-up and steps (paper, section 4)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from vivi.core.config import build, config


@config
class Schedule:
    """Linear warm-up over `warmup` steps, then the rate times `factor` after each of `decays`.

    The first step of the warm-up has rate / warmup, the last one the rate.
    """

    steps: Annotated[int, Field(ge=0)] = 120_000
    warmup: Annotated[int, Field(ge=0)] = 3_125
    decays: tuple[int, ...] = (90_000, 110_000)
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1

    def __post_init__(self) -> None:
        """Check that the times are in order."""
        times = (0, self.warmup, *self.decays, self.steps)
        if list(times) != sorted(times):
            raise ValueError(f"schedule: 0 <= warmup <= decays <= steps must hold, got {times}")

    def scale(self, step: int) -> float:
        """The factor on the learning rate for the update number `step`, counted from 0."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return warm * self.factor ** sum(step >= decay for decay in self.decays)

    def stretched(self, steps: int) -> "Schedule":
        """The same shape over another number of steps.

        Raises:
            ConfigError: a negative number.
        """
        ratio = steps / self.steps if self.steps else 0.0
        decays = tuple(round(decay * ratio) for decay in self.decays)
        values = {"steps": steps, "warmup": round(self.warmup * ratio), "decays": decays, "factor": self.factor}
        return build(Schedule, values, source=f"{steps} steps")


@config
class SGD:
    """SGD with momentum, not Nesterov; weight decay on matrices and kernels only.

    The rate 0.8 belongs to the paper's 2048 shots a step. L2 on kernels, not on biases nor norm scales and shifts:
    google/revisiting-self-supervised, models/resnet.py.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 0.8
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4

    def build(self, module: nn.Module) -> torch.optim.SGD:
        """The optimiser of all trainable parameters of `module`.

        On CUDA it moves them in one kernel. On a CPU that rounds otherwise, so that runs would not go on exactly.
        """
        trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": self.weight_decay},
            {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
        ]
        on_gpu = bool(trainable) and all(parameter.is_cuda for parameter in trainable)
        return torch.optim.SGD(groups, lr=self.learning_rate, momentum=self.momentum, fused=True if on_gpu else None)


def set_learning_rate(optimiser: torch.optim.Optimizer, *, rate: float) -> None:
    """Give all parameter groups the same learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate

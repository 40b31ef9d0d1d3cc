"""How a network or a head is trained on a task: the settings that a sweep tries, and all that they share.

Source of the values: google-research/task_adaptation, trainer.py, README.md and docs/data/results.csv; what they leave
open (weight decay, warm-up) is an option that is off.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from vivi.core.config import config
from vivi.transfer.vtab.shuffled import BUFFER

Share = Annotated[float, Field(ge=0, le=1)]


class Setting(ABC):
    """One choice that a sweep can make."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Distinct, and fit for the name of a file."""

    @property
    @abstractmethod
    def is_random(self) -> bool:
        """Whether a repetition can give another result."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """For results."""


@dataclass(frozen=True, slots=True)
class SGDSetting(Setting):
    """A learning rate and how long it is trained."""

    learning_rate: float
    steps: int

    @property
    def name(self) -> str:
        """Such as "lr0.1-steps2500"."""
        return f"lr{self.learning_rate:g}-steps{self.steps}"

    @property
    def is_random(self) -> bool:
        """Batches are drawn."""
        return True

    def as_json(self) -> dict[str, Any]:
        """Both numbers by their names."""
        return {"learning_rate": self.learning_rate, "steps": self.steps}


@config
class Recipe:
    """SGD with momentum, not Nesterov, on softmax cross-entropy; the rate falls in steps."""

    batch: Annotated[int, Field(ge=1)] = 512
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """On matrices and kernels; the released code has none."""
    warmup: Annotated[int, Field(ge=0)] = 0
    """Steps of linear warm-up from rate 0."""
    decays: tuple[Share, ...] = (0.3, 0.6, 0.9)
    """Where the rate falls, as shares of the steps; steps 750, 1500, 2250 of 2500 in the source."""
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """What the rate is multiplied with at each of them."""
    buffer: Annotated[int, Field(ge=1)] = BUFFER
    """Examples in the shuffle buffer."""

    def rate(self, step: int, *, setting: SGDSetting) -> float:
        """The learning rate of the update number `step`, counted from 0.

        As with TensorFlow's `piecewise_constant`, the update that has the number of a boundary is the last with the old
        rate.
        """
        if step < self.warmup:
            return setting.learning_rate * step / self.warmup
        return setting.learning_rate * self.factor ** sum(step > round(share * setting.steps) for share in self.decays)

"""Means over a log interval, kept on the device until they are read, and the share of time spent waiting for data."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vivi.core.errors import ConfigError, ViviError
from vivi.probe import effective_rank, encode, feature_std, finite
from vivi.training.state import TrainState
from vivi.training.step import StepResult

STEPS, LEFT_OUT = "steps", "left_out"
WORST = ("worst_step", "worst_loss", "worst_gradient_norm")
"""Names of a `WorstStep` among the sums of an interval."""
CHECKED = 16
"""Frames that are encoded to see whether an encoder is worth saving."""
RANK_ROWS = 1024
"""Embeddings that the effective rank is computed from: enough to see a collapse, few enough to be quick."""


class DivergedError(ViviError):
    """The loss of an update is infinite or not a number."""

    def __init__(self, step: int) -> None:
        super().__init__(
            f"the loss is not finite at step {step + 1}: earlier checkpoints are kept; start a new run with a lower "
            "--set optimiser.learning_rate or a longer --set schedule.warmup, or leave such steps out with --bad-steps"
        )
        self.step = step
        """Number of the update, counted from 0."""


@dataclass(frozen=True, slots=True)
class WorstStep:
    """The update with the largest loss of a log interval; of equal ones the first."""

    step: int
    """Its number, counted from 0."""
    loss: float
    gradient_norm: float


class Meter:
    """Collects the steps of one log interval; `sums` is what an earlier run of the same interval left."""

    def __init__(self, sums: Mapping[str, float] | None = None) -> None:
        kept = dict(sums or {})
        self._worst_before = _worst_of(kept)
        self._sums: dict[str, Tensor | float] = {name: value for name, value in kept.items() if name not in WORST}
        self._steps: list[int] = []
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._last: StepResult | None = None
        self._frames = 0
        self._waited = 0.0
        self._began = time.monotonic()

    def add(self, result: StepResult, *, step: int, frames: int, waited: float) -> None:
        """Take in update number `step` of `frames` frames (all ranks), for which the loop waited `waited` seconds.

        A step that was left out has speed, but no losses.
        """
        if result.is_left_out:
            self._sums[LEFT_OUT] = self._sums.get(LEFT_OUT, 0) + 1
        else:
            self._last = result
            named = {"loss": result.losses.total, **result.losses.parts, "gradient_norm": result.gradient_norm}
            for name, value in named.items():
                self._sums[name] = self._sums.get(name, 0) + value.detach()
            self._steps.append(step)
            self._losses.append(result.losses.total.detach())
            self._norms.append(result.gradient_norm)
            self._sums[STEPS] = self._sums.get(STEPS, 0) + 1
        self._frames += frames
        self._waited += waited

    def sums(self) -> dict[str, float]:
        """The sums so far, and the worst step; waits for the device."""
        worst = self.worst()
        named = {} if worst is None else dict(zip(WORST, (worst.step, worst.loss, worst.gradient_norm), strict=True))
        return self._totals() | named

    def _totals(self) -> dict[str, float]:
        return {name: float(total) for name, total in self._sums.items()}

    def worst(self) -> WorstStep | None:
        """The worst step so far, that of an earlier run of the interval included; waits for the device."""
        found = [] if self._worst_before is None else [self._worst_before]
        if self._steps:
            losses, norms = torch.stack([torch.stack(self._losses), torch.stack(self._norms)]).tolist()
            found += [WorstStep(*each) for each in zip(self._steps, losses, norms, strict=True)]
        return max(found, key=lambda each: each.loss, default=None)

    def check_finite(self, step: int) -> None:
        """Stop a run that has diverged before anything of it is saved; waits for the device.

        Raises:
            DivergedError: a loss of the interval was infinite or not a number; it knows the first such step.
        """
        if not math.isfinite(float(self._sums.get("loss", 0))):
            named = zip(self._steps, self._losses, strict=True)
            bad = (number for number, loss in named if not math.isfinite(float(loss)))
            raise DivergedError(next(bad, (self._steps or [step])[0]))

    def read(self, step: int) -> dict[str, float]:
        """The means of the interval, as a line of metrics.jsonl; waits for the device.

        Where every step was left out there are no losses.

        Raises:
            DivergedError: a loss was infinite or not a number.
        """
        self.check_finite(step)
        sums = self._totals()
        means = {name: total / sums[STEPS] for name, total in sums.items() if name not in (STEPS, LEFT_OUT)}
        seconds = time.monotonic() - self._began
        return {
            "step": step,
            **means,
            **({LEFT_OUT: sums[LEFT_OUT]} if LEFT_OUT in sums else {}),
            "frames_per_second": self._frames / seconds,
            "data_wait": self._waited / seconds,
            **_of_last(self._last),
        }


def _worst_of(sums: Mapping[str, float]) -> WorstStep | None:
    if WORST[0] not in sums:
        return None
    step, loss, gradient_norm = (sums[name] for name in WORST)
    return WorstStep(int(step), loss, gradient_norm)


def _of_last(result: StepResult | None) -> dict[str, float]:
    """Learning rate and signs of collapse at the last step of an interval that moved."""
    if result is None:
        return {}
    features = result.features_SVD.flatten(0, 1)[:RANK_ROWS].float()
    return {
        "learning_rate": result.learning_rate,
        "feature_std": float(feature_std(features)),
        "effective_rank": float(effective_rank(features)),
    }


def check_features(state: TrainState, pictures_BCHW: Tensor) -> None:
    """See that the encoder as it is now still gives numbers: the losses are those from before the last update.

    Args:
        state: whose encoder is looked at.
        pictures_BCHW: a few, uint8.

    Raises:
        ViviError: it has diverged, and is not worth saving.
    """
    finite(encode(state.model.encoder, pictures_BCHW, device=pictures_BCHW.device))


def check_network(state: TrainState, *, size: int) -> None:
    """See that the encoder takes pictures of S x S pixels, before anything is written.

    Raises:
        ViviError: it does not.
    """
    device = next(state.model.encoder.parameters()).device
    try:
        encode(state.model.encoder, torch.zeros(1, 3, size, size, dtype=torch.uint8), device=device)
    except ValueError as error:
        raise ConfigError(f"encoder: {error}; set another encoder or another augmentation.crop.size") from error

"""Means over a log interval, kept on the device until they are read, and the share of time spent waiting for data."""

import math
import time

from torch import Tensor

from vivi.core.errors import ViviError
from vivi.probe import effective_rank, feature_std
from vivi.training.step import StepResult

RANK_ROWS = 1024
"""Embeddings that the effective rank is computed from: enough to see a collapse, few enough to be quick."""


class Meter:
    """Collects the steps of one log interval."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor | int] = {}
        self._last: StepResult | None = None
        self._steps = self._frames = 0
        self._waited = 0.0
        self._began = time.monotonic()

    def add(self, result: StepResult, *, frames: int, waited: float) -> None:
        """Take in one step of `frames` frames (all ranks) for which the loop waited `waited` seconds for data."""
        for name, value in {"loss": result.losses.total, **result.losses.parts}.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()
        self._last = result
        self._steps += 1
        self._frames += frames
        self._waited += waited

    def check_finite(self, step: int) -> None:
        """Stop a run that has diverged before anything of it is saved; waits for the device.

        Raises:
            ViviError: a loss of the interval was infinite or not a number.
        """
        if not math.isfinite(float(self._sums.get("loss", 0))):
            raise ViviError(
                f"the loss is not finite at step {step}: earlier checkpoints are kept; start a new run with a lower "
                "--set optimiser.learning_rate or a longer --set schedule.warmup"
            )

    def read(self, step: int) -> dict[str, float]:
        """The means of the interval, as a line of metrics.jsonl; waits for the device.

        Raises:
            ViviError: a loss was infinite or not a number.
        """
        assert self._last is not None
        self.check_finite(step)
        features = self._last.features_SVD.flatten(0, 1)[:RANK_ROWS].float()
        means = {name: float(total) / self._steps for name, total in self._sums.items()}
        seconds = time.monotonic() - self._began
        return {
            "step": step,
            **means,
            "learning_rate": self._last.learning_rate,
            "frames_per_second": self._frames / seconds,
            "data_wait": self._waited / seconds,
            "feature_std": float(feature_std(features)),
            "effective_rank": float(effective_rank(features)),
        }

"""Means over a log interval, kept on the device until they are read, and the share of time spent waiting for data."""

import math
import time
from collections.abc import Mapping

import torch
from torch import Tensor

from vivi.core.errors import ConfigError, ViviError
from vivi.probe import effective_rank, encode, feature_std, finite
from vivi.training.state import TrainState
from vivi.training.step import StepResult

STEPS = "steps"
CHECKED = 16
"""Frames that are encoded to see whether an encoder is worth saving."""
RANK_ROWS = 1024
"""Embeddings that the effective rank is computed from: enough to see a collapse, few enough to be quick."""


class Meter:
    """Collects the steps of one log interval; `sums` is what an earlier run of the same interval left."""

    def __init__(self, sums: Mapping[str, float] | None = None) -> None:
        self._sums: dict[str, Tensor | float] = dict(sums or {})
        self._last: StepResult | None = None
        self._frames = 0
        self._waited = 0.0
        self._began = time.monotonic()

    def add(self, result: StepResult, *, frames: int, waited: float) -> None:
        """Take in one step of `frames` frames (all ranks) for which the loop waited `waited` seconds for data."""
        for name, value in {"loss": result.losses.total, **result.losses.parts}.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()
        self._sums[STEPS] = self._sums.get(STEPS, 0) + 1
        self._last = result
        self._frames += frames
        self._waited += waited

    def sums(self) -> dict[str, float]:
        """The sums so far; waits for the device."""
        return {name: float(total) for name, total in self._sums.items()}

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
        sums = self.sums()
        means = {name: total / sums[STEPS] for name, total in sums.items() if name != STEPS}
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

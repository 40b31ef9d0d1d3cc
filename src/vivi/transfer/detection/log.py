"""Means over a log interval, kept on the device until they are read."""

import math
import time
from collections.abc import Mapping

from torch import Tensor

from vivi.core.errors import ViviError

_STEPS = "steps"


class Interval:
    """Collects the losses of one log interval; `sums` is what an earlier run of the same interval left."""

    def __init__(self, sums: Mapping[str, float] | None = None) -> None:
        self._sums: dict[str, Tensor | float] = dict(sums or {})
        self._images = 0
        self._began = time.monotonic()

    def add(self, losses: Mapping[str, Tensor], *, images: int) -> None:
        """Take in one step."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0) + value
        self._sums[_STEPS] = self._sums.get(_STEPS, 0) + 1
        self._images += images

    def sums(self, step: int) -> dict[str, float]:
        """The sums so far; waits for the device.

        Raises:
            ViviError: a loss was infinite or not a number.
        """
        sums = {name: float(total) for name, total in self._sums.items()}
        if not all(math.isfinite(total) for total in sums.values()):
            raise ViviError(
                f"the loss is not finite at step {step}: earlier checkpoints are kept; start a new run with a lower "
                "--set optimiser.learning_rate or a longer --set schedule.warmup"
            )
        return sums

    def line(self, step: int, *, rate: float) -> dict[str, float]:
        """The means, as a line of metrics.jsonl; waits for the device.

        Raises:
            ViviError: a loss was infinite or not a number.
        """
        sums = self.sums(step)
        means = {name: total / sums[_STEPS] for name, total in sums.items() if name != _STEPS}
        seconds = max(time.monotonic() - self._began, 1e-9)
        return {"step": step, **means, "learning_rate": rate, "images_per_second": self._images / seconds}

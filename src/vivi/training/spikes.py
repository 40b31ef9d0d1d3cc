"""Loss spikes: lines of the log whose loss is far above the lines before, each with the step to look at.

What is far is a function of the log alone, so a run that goes on finds what an unbroken one finds. Losses are looked at
when a line is read, which waits for the device anyway.
"""

import json
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vivi.core.files import disk_full_named, write_text
from vivi.core.rundir import RunFolder
from vivi.data.labelled import STREAM
from vivi.data.order import batch_ids
from vivi.training.inputs import Inputs
from vivi.training.meter import WorstStep

SPIKES = "spikes.jsonl"
"""In the run folder, one JSON object a line: line (its step in metrics.jsonl) with loss, usual (the median before it)
and limit; of the worst update of the line step (counted from 0), step_loss and gradient_norm; to have its batch again
seed, samples, images and labels, as they are drawn for the whole batch."""
LINES = 50
"""Of the log that the next one is compared with."""
LEAST_LINES = 10
"""Fewer than these say nothing."""
LEAST_DEVIATION = 1e-3
"""Of the median: losses that hardly differ make no spike of rounding."""


def spike_limit(losses: Sequence[float], *, deviations: float) -> float | None:
    """The loss above which the next line is a spike; None where there are too few lines.

    Args:
        losses: of the lines so far; the last `LINES` count.
        deviations: so many median absolute deviations above the median.
    """
    recent = list(losses)[-LINES:]
    if len(recent) < LEAST_LINES:
        return None
    usual = statistics.median(recent)
    deviation = statistics.median(abs(each - usual) for each in recent)
    return usual + deviations * max(deviation, LEAST_DEVIATION * abs(usual))


class Spikes:
    """Notes the spikes of one run; only the first rank has one.

    Args:
        run: whose log is looked at, cut to `first_step`.
        inputs: what its batches are made of.
        deviations: see `spike_limit`; 0: nothing is noted.
        first_step: where the run begins or goes on; what was noted behind it is dropped, and found again.
        say: told of each spike.
    """

    def __init__(
        self, run: RunFolder, *, inputs: Inputs, deviations: float, first_step: int, say: Callable[[str], None]
    ) -> None:
        self._file, self._inputs, self._deviations, self._say = run.path / SPIKES, inputs, deviations, say
        losses = (line["loss"] for line in run.read_metrics() if "loss" in line)
        self._losses: deque[float] = deque(losses, maxlen=LINES)
        if self._file.exists():
            lines = self._file.read_text().splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["line"] <= first_step]
            write_text(self._file, "".join(kept))

    def look(self, line: Mapping[str, float], *, worst: WorstStep | None) -> None:
        """Take in the next line of the log, and note it if it is a spike.

        Args:
            line: of metrics.jsonl; without a loss where every step was left out.
            worst: the step with the largest loss in it.

        Raises:
            DiskFullError: the disk is full.
        """
        if worst is None or not self._deviations:
            return
        limit = spike_limit(self._losses, deviations=self._deviations)
        if limit is not None and line["loss"] > limit:
            facts = {"line": line["step"], "loss": line["loss"], "usual": statistics.median(self._losses)}
            self._note(facts | {"limit": limit}, worst)
        self._losses.append(line["loss"])

    def _note(self, facts: Mapping[str, Any], worst: WorstStep) -> None:
        of_step = {"step": worst.step, "step_loss": worst.loss, "gradient_norm": worst.gradient_norm}
        batch = {"seed": self._inputs.experiment.seed, **drawn_ids(self._inputs, step=worst.step)}
        with disk_full_named(self._file), self._file.open("a") as file:
            file.write(json.dumps({**facts, **of_step, **batch}) + "\n")
        self._say(
            f"loss spike at step {worst.step + 1}: {worst.loss:.4g} where {facts['usual']:.4g} is usual, gradient norm "
            f"{worst.gradient_norm:.4g}; its batch is named in {self._file}"
        )


def drawn_ids(inputs: Inputs, *, step: int) -> dict[str, list[int]]:
    """The ids of the whole batch of update number `step`, in its order, before damaged ones are replaced.

    Returns:
        samples: numbers in the store or folder; images: those among the labelled ones that are learned from; labels.
    """
    experiment, found = inputs.experiment, {}
    if inputs.source is not None:
        eligible_I = experiment.sampling.eligible(inputs.source.table)
        samples_N = batch_ids(eligible_I, seed=experiment.seed, step=step, size=experiment.samples_per_step)
        found["samples"] = samples_N.tolist()
    if inputs.labelled is not None:
        images, size = inputs.labelled.images, experiment.images_per_step
        images_B = batch_ids(np.arange(len(images)), seed=experiment.seed, step=step, size=size, stream=STREAM)
        found["images"] = images_B.tolist()
        found["labels"] = [images[number].label for number in found["images"]]
    return found

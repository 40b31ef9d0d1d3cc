"""Steps whose loss or gradient is not finite: noted with the ids of their samples, so that one can look at them."""

import json
from typing import Any

from torch import Tensor

from vivi.core.errors import ViviError
from vivi.core.files import disk_full_named
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.training.inputs import Inputs, StepInput
from vivi.training.meter import DivergedError
from vivi.training.step import StepResult

BAD_STEPS = "bad_steps.jsonl"
"""In the run folder, one JSON object a line: step, losses, gradient_norm, and the ids of the samples and images."""


class Guard:
    """Watches the steps of one run.

    Args:
        run: where bad steps are noted.
        world: all ranks call `watch` and `diverged` alike; the first one writes.
        limit: so many steps in a row may be left out.
    """

    def __init__(self, run: RunFolder, *, world: World, limit: int) -> None:
        self._run, self._world, self._limit = run, world, limit
        self._in_a_row = 0

    def watch(self, result: StepResult, batch: StepInput, *, step: int) -> None:
        """Take note of update number `step` if it was left out.

        Raises:
            ViviError: more in a row than the limit.
        """
        if not result.is_left_out:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        losses = {name: str(float(value.detach())) for name, value in result.losses.parts.items()}
        self._note(step, {"losses": losses, "gradient_norm": str(float(result.gradient_norm)), **self._ids(batch)})
        if self._in_a_row > self._limit:
            raise ViviError(
                f"{self._in_a_row} steps in a row, the last of them {step + 1}, had a loss or gradient that is not "
                f"finite (--bad-steps {self._limit}): see {self._run.path / BAD_STEPS}; earlier checkpoints are kept"
            )

    def diverged(self, error: DivergedError, *, inputs: Inputs) -> None:
        """Note the step that ended a run which leaves none out; its batch is made again to know what was in it."""
        source = inputs.batches(error.step, error.step + 1, world=self._world, workers=1)
        self._note(error.step, self._ids(next(source)))
        source.close()

    def _ids(self, batch: StepInput) -> dict[str, Any]:
        """Of the whole batch, in its order."""
        ids: dict[str, Tensor] = {}
        if batch.videos is not None:
            ids["samples"] = batch.videos.sample_ids_N
        if batch.images is not None:
            ids["labels"] = batch.images.labels_B
        return {name: self._world.gather(each).tolist() for name, each in ids.items()}

    def _note(self, step: int, facts: dict[str, Any]) -> None:
        if not self._world.is_first:
            return
        file = self._run.path / BAD_STEPS
        with disk_full_named(file), file.open("a") as lines:
            lines.write(json.dumps({"step": step, **facts}) + "\n")

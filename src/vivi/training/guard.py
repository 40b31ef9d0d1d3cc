"""Steps whose loss or gradient is not finite: noted with the ids of their samples, so that one can look at them."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from vivi.core.errors import ViviError
from vivi.core.files import disk_full_named, read_text, write_text
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
        first_step: where the run begins or goes on; what was noted behind it is dropped, and found again, and steps
            noted just before it count among those in a row. None: nothing is looked at.
    """

    def __init__(self, run: RunFolder, *, world: World, limit: int, first_step: int | None = None) -> None:
        self._run, self._world, self._limit = run, world, limit
        self._in_a_row = 0
        if first_step is not None:
            self._in_a_row = int(world.decided_by_first(lambda: _cut(run.path / BAD_STEPS, first_step=first_step)))

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


def _cut(file: Path, *, first_step: int) -> int:
    """Keep the whole lines of steps before `first_step`; how many steps in a row they name, up to that one.

    Raises:
        ViviError: the file is not what was written.
    """
    if not file.exists():
        return 0
    text = read_text(file)
    try:
        lines = {line: int(json.loads(line)["step"]) for line in text[: text.rfind("\n") + 1].splitlines(keepends=True)}
    except (ValueError, KeyError, TypeError) as error:
        raise ViviError(f"{file} is damaged ({error}): move it away") from error
    kept = {line: step for line, step in lines.items() if step < first_step}
    if "".join(kept) != text:
        write_text(file, "".join(kept))
    noted = set(kept.values())
    return next(count for count in range(first_step + 1) if first_step - 1 - count not in noted)

"""Batches as the loop gets them: how long it waited for each, and that all ranks end together where one has no data."""

import time
from collections.abc import Callable, Generator
from contextlib import closing

from vivi.core.errors import ViviError
from vivi.core.world import World
from vivi.training.inputs import StepInput


def timed(
    batches: Generator[StepInput], *, world: World, at_failure: Callable[[], object]
) -> Generator[tuple[StepInput, float]]:
    """Each batch with the seconds that the loop waited for it.

    A rank whose data cannot be read says so before the others begin a step without it: they would wait for it there,
    and the first one could not save. It costs one exchange of flags a step where there are several ranks.

    Args:
        batches: of this rank; all ranks have as many.
        world: the ranks.
        at_failure: called on every rank before bad data of any of them ends the run.

    Raises:
        ViviError: what is wrong with the data of this rank, or that those of another rank cannot be read.
    """
    with closing(batches):
        while True:
            began = time.monotonic()
            batch, failure = _next(batches)
            waited = time.monotonic() - began
            if world.any(failure is not None):
                at_failure()
                raise failure or ViviError("another process cannot read its data, and the run ends: see what it says")
            if batch is None:
                return
            yield batch, waited


def _next(batches: Generator[StepInput]) -> tuple[StepInput | None, ViviError | None]:
    try:
        return next(batches, None), None
    except ViviError as error:
        return None, error

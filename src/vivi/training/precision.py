"""In which precision a run computes: chosen when it begins, written in its record, kept when it goes on."""

import torch

from vivi.core.errors import CheckpointError
from vivi.core.files import read_json
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.nn.encoder_pass import Precision, has_bf16

FIELD = "precision"
"""Of a run's record; a run that was begun before there was a choice has none and computes in float32."""


def chosen_precision(wish: Precision | None, *, run: RunFolder, world: World) -> Precision:
    """The precision of a run, the same on every rank, all of which call this alike.

    Args:
        wish: None: that of the run if it was begun, else bfloat16 on a GPU that computes in it, else float32.
        run: begun or not.
        world: the ranks; the first one looks.

    Raises:
        CheckpointError: the run was begun with another one.
    """
    return Precision(world.decided_by_first(lambda: _decided(wish, run=run, device=world.device).value))


def recorded(precision: Precision, *, run: RunFolder) -> dict[str, str]:
    """What the record of a run says of it: nothing where the run is older than the choice."""
    is_old = run.experiment.exists() and FIELD not in read_json(run.experiment)
    return {} if is_old else {FIELD: precision.value}


def _decided(wish: Precision | None, *, run: RunFolder, device: torch.device) -> Precision:
    if not run.experiment.exists():
        return wish or (Precision.BF16 if has_bf16(device) else Precision.FP32)
    begun = Precision(read_json(run.experiment).get(FIELD, Precision.FP32.value))
    if wish not in (None, begun):
        raise CheckpointError(
            f"--precision: {run.path} was begun in {begun.value}: give that or auto to go on, or choose another --out"
        )
    return begun

"""The encoder that a run starts with, from an encoder folder or from a checkpoint of another run: weights only."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from vivi.core.checkpoint import STATE, read_checkpoint
from vivi.core.errors import CheckpointError
from vivi.core.world import World
from vivi.nn import manifest
from vivi.nn.export import load_encoder
from vivi.training.state import TrainState

_ENCODER = "model.encoder."


def initial_weights(path: Path, *, state: TrainState, world: World) -> str:
    """Give the encoder of `state` the weights and running averages at `path`; twelve hexadecimal digits of them.

    Heads keep the weights that the seed gives them. Rank 0 alone reads; all ranks call it alike.

    Args:
        path: an encoder folder, or a checkpoint folder such as RUN/checkpoints/step-00000500.
        state: of a run that has not begun.
        world: the ranks of the run.

    Raises:
        CheckpointError: neither of both, damaged, or of another network.
    """

    def read() -> str:
        tensors = _encoder_tensors(path)
        _check_fit(tensors, state.model.encoder.state_dict(), path=path)
        state.model.encoder.load_state_dict(dict(tensors))
        return _digest(tensors)

    digest: str = world.decided_by_first(read)
    world.copy_from_first([each.detach() for each in state.model.encoder.state_dict().values()])
    return digest


def _encoder_tensors(path: Path) -> Mapping[str, Tensor]:
    if (path / manifest.NAME).is_file():
        return load_encoder(path).encoder.state_dict()
    if not (path / STATE).is_file():
        raise CheckpointError(
            f"--init-from {path}: neither an encoder folder (RUN/encoder) nor a checkpoint "
            "(RUN/checkpoints/step-NNNNNNNN): give one of these"
        )
    _, tensors = read_checkpoint(path)
    found = {name.removeprefix(_ENCODER): each for name, each in tensors.items() if name.startswith(_ENCODER)}
    if not found:
        raise CheckpointError(f"--init-from {path}: this checkpoint holds no encoder of a pretraining run")
    return found


def _check_fit(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, path: Path) -> None:
    for name in sorted(found.keys() | expected.keys()):
        here, there = (None if name not in each else list(each[name].shape) for each in (found, expected))
        if here != there:
            raise CheckpointError(
                f"--init-from {path}: {name} is {_shown(here)} there and {_shown(there)} in this experiment: give the "
                "preset and the --set encoder values that it was trained with"
            )


def _shown(shape: list[int] | None) -> str:
    return "missing" if shape is None else f"of shape {shape}"


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode() + tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:12]

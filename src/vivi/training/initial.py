"""The encoder that a run starts with: weights and running averages, from this program or from timm.

Published checkpoints of other code bases (.npz and so on) become encoder folders first, see `vivi.convert`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from vivi.core.checkpoint import STATE, read_checkpoint
from vivi.core.config import is_config
from vivi.core.errors import CheckpointError, ConfigError
from vivi.core.world import World
from vivi.nn import manifest
from vivi.nn.encoder import Encoder
from vivi.nn.export import load_encoder
from vivi.nn.timm_model import TimmModel
from vivi.nn.timm_pretrained import TimmPretrained, load_timm_folder, load_timm_model
from vivi.training.state import TrainState

_ENCODER = "model.encoder."
_TIMM, _LOCAL = "timm:", "local-dir:"
_OUR_SPREAD = (0.5, 0.5, 0.5)


def initial_weights(
    source: Path | str,
    *,
    state: TrainState,
    world: World,
    encoder: Encoder | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Give the encoder of `state` the weights and running averages at `source`; twelve hexadecimal digits of them.

    Heads keep the weights that the seed gives them. Rank 0 alone reads; all ranks call it alike.

    Args:
        source: an encoder folder, or a checkpoint folder such as RUN/checkpoints/step-00000500; "timm:NAME", a
            pretrained model of timm whose weights are in its cache; "timm:local-dir:FOLDER", one that timm saved.
        state: of a run that has not begun.
        world: the ranks of the run.
        encoder: of the experiment; needed for timm.
        say: told what to know about the weights.

    Raises:
        CheckpointError: none of these, damaged, or of another network; the text says what to set.
        ConfigError: timm is missing or has no such pretrained model.
    """
    text = str(source)

    def read() -> str:
        tensors, theirs = (
            _timm_tensors(text, encoder, say=say) if text.startswith(_TIMM) else _encoder_tensors(Path(text))
        )
        advice = _advice(theirs, encoder)
        _check_fit(tensors, state.model.encoder.state_dict(), source=text, advice=advice)
        state.model.encoder.load_state_dict(dict(tensors))
        return _digest(tensors)

    digest: str = world.decided_by_first(read)
    world.copy_from_first([each.detach() for each in state.model.encoder.state_dict().values()])
    return digest


def _encoder_tensors(path: Path) -> tuple[Mapping[str, Tensor], Encoder | None]:
    if (path / manifest.NAME).is_file():
        loaded = load_encoder(path)
        return loaded.encoder.state_dict(), loaded.config
    if not path.exists():
        raise CheckpointError(f"--init-from {path}: there is no such file or folder: check the path")
    if not (path / STATE).is_file():
        inner = path / "encoder"
        hint = f"did you mean {inner}? Or " if (inner / manifest.NAME).is_file() else ""
        raise CheckpointError(
            f"--init-from {path}: neither an encoder folder (RUN/encoder) nor a checkpoint "
            f"(RUN/checkpoints/step-NNNNNNNN): {hint}give one of these, timm:NAME, timm:local-dir:FOLDER or a BiT .npz"
        )
    _, tensors = read_checkpoint(path)
    found = {name.removeprefix(_ENCODER): each for name, each in tensors.items() if name.startswith(_ENCODER)}
    if not found:
        raise CheckpointError(f"--init-from {path}: this checkpoint holds no encoder of a pretraining run")
    return found, None


def _timm_tensors(
    spec: str, encoder: Encoder | None, *, say: Callable[[str], None]
) -> tuple[Mapping[str, Tensor], Encoder | None]:
    """The tensors of timm's model with the names and epsilons of `encoder`, and the model as a TimmModel."""
    if encoder is None:
        raise ConfigError(f"--init-from {spec}: weights of timm need the encoder that takes them")
    name = spec.removeprefix(_TIMM)
    folder = name.removeprefix(_LOCAL) if name.startswith(_LOCAL) else None
    model = load_timm_folder(Path(folder)) if folder is not None else load_timm_model(name)
    if (model.mean, model.std) != (_OUR_SPREAD, _OUR_SPREAD):
        say(
            f"{model.name} was trained on RGB in [0, 1] less {list(model.mean)} over {list(model.std)}; here it gets "
            "[-1, 1], so its first layer has to adapt"
        )
    theirs = None if folder is not None else TimmModel(name=name.partition(".")[0])
    return encoder.from_timm(_plain(model)), theirs


def _plain(model: TimmPretrained) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in model.module.state_dict().items()}


def _advice(theirs: Encoder | None, ours: Encoder | None) -> str:
    """What makes the experiment's encoder the other one, as flags, where that is known."""
    flags = [] if theirs is None or ours is None else list(_flags(theirs, ours, path="encoder"))
    if not flags:
        return "give the preset and the --set encoder values that it was trained with"
    return "to take this network, add " + " ".join(f"--set {flag}" for flag in flags)


def _flags(theirs: Any, ours: Any, *, path: str) -> Iterator[str]:
    """Assignments that turn one configuration into the other."""
    if type(theirs) is not type(ours):
        yield f"{path}={type(theirs).__name__}"
        try:
            ours = type(theirs)()
        except (TypeError, ValueError):
            ours = None
    for field in fields(theirs):
        wanted = getattr(theirs, field.name)
        has = None if ours is None else getattr(ours, field.name)
        if is_config(wanted):
            yield from _flags(wanted, has, path=f"{path}.{field.name}")
        elif wanted != has:
            yield f"{path}.{field.name}={wanted}"


def _check_fit(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], *, source: str, advice: str) -> None:
    for name in sorted(found.keys() | expected.keys()):
        here, there = (None if name not in each else list(each[name].shape) for each in (found, expected))
        if here != there:
            raise CheckpointError(
                f"--init-from {source}: {name} is {_shown(here)} there and {_shown(there)} in this experiment: {advice}"
            )


def _shown(shape: list[int] | None) -> str:
    return "missing" if shape is None else f"of shape {shape}"


def _digest(tensors: Mapping[str, Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode() + tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:12]

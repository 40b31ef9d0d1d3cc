"""What the verbs about pretraining share: the experiment and the options that their arguments mean."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vivi.core.world import World
    from vivi.experiment import Experiment
    from vivi.training.loop import RunOptions


def chosen(
    preset: "str | Experiment", *, labels: Path | None, tiny: bool, assignments: Sequence[str], steps: int | None
) -> "Experiment":
    """The experiment that the arguments mean, its classifier as wide as the folder has classes.

    Raises:
        ConfigError: no such preset or field, or an illegal value.
    """
    from vivi.data.images import ImageFolder
    from vivi.presets import changed, find, for_classes
    from vivi.presets import tiny as shrink

    experiment = find(preset) if isinstance(preset, str) else preset
    if labels is not None and experiment.image_levels:
        experiment = for_classes(experiment, len(ImageFolder.open(labels).classes))
    return changed(shrink(experiment) if tiny else experiment, assignments=assignments, steps=steps)


def run_options(
    world: "World",
    workers: int | None,
    *,
    chunks: int | Literal["auto"] = 1,
    memory: float | None = None,
    precision: str = "auto",
    compile_: bool | None = None,
    **others: Any,
) -> "RunOptions":
    """The arguments of `pretrain` that change no numbers, for this process.

    Where no number of threads is given, the cores of the machine are shared by its processes.

    Raises:
        ConfigError: an illegal value; the text names the flag.
    """
    from vivi.core.errors import ConfigError
    from vivi.core.launch import processes_here
    from vivi.core.work import usable_cores
    from vivi.nn.encoder_pass import Precision
    from vivi.training.loop import RunOptions

    if precision not in (legal := ("auto", *(each.value for each in Precision))):
        raise ConfigError(f"--precision {precision}: legal: {', '.join(legal)}")
    if chunks != "auto" and not isinstance(chunks, int):
        raise ConfigError(f"--chunks {chunks}: legal: auto, or a number from 1 on")
    return RunOptions(
        world=world,
        workers=max(1, usable_cores() // processes_here()) if workers is None else workers,
        chunks=None if chunks == "auto" else chunks,
        memory=None if memory is None else _bytes(memory),
        precision=None if precision == "auto" else Precision(precision),
        compile=compile_,
        **others,
    )


def _bytes(memory: float) -> int:
    from vivi.core.errors import ConfigError

    if not 0 < memory < math.inf:
        raise ConfigError(f"--memory {memory:g}: give the gigabytes that a process may use, a number above 0")
    return int(memory * 1e9)


def path_of(given: Path | str | None) -> Path | None:
    """A path, where one was given."""
    return None if given is None else Path(given)


def is_first_process() -> bool:
    """Whether this process speaks for those that torchrun started with it; one that is alone does."""
    from vivi.core.launch import is_launched

    return not is_launched() or os.environ.get("RANK", "0") == "0"

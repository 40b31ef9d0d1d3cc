"""Verbs about pretraining: presets, pretrain, sweep."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from vivi.cli.app import app
from vivi.core.errors import ConfigError

if TYPE_CHECKING:
    from vivi.core.world import World
    from vivi.experiment import Experiment
    from vivi.training.loop import RunOptions


@app.command
def presets(name: str | None = None, *, explain: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the presets, or print one completely.

    Parameters
    ----------
    name
        A preset to print with all its values.
    explain
        Say of each value whether it is the paper's or ours.
    """
    from vivi.console.learning import show_experiment, show_explained, show_presets
    from vivi.presets import PRESETS, find

    if name is None:
        if explain:
            raise ConfigError('--explain needs the name of a preset: vivi presets "VIVI-Ex(4)" --explain')
        show_presets(PRESETS)
    elif explain:
        show_explained(find(name))
    else:
        show_experiment(find(name))


@app.command
def pretrain(
    preset: str,
    *,
    data: Path | None = None,
    labels: Path | None = None,
    label_list: Path | None = None,
    init_from: Path | None = None,
    out: Path,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    steps: int | None = None,
    tiny: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    workers: int | None = None,
    chunks: int | Literal["auto"] = 1,
    memory: float | None = None,
    recompute: Annotated[bool, Parameter(negative="")] = False,
    log_every: int = 10,
    save_every: int = 500,
    milestone: int = 0,
    bad_steps: int = 0,
    knn: Path | None = None,
    knn_every: int = 500,
) -> None:
    """Pretrain an encoder on a shot store. Interrupted, the same command goes on.

    Several processes train one model: torchrun --nproc-per-node 8 -m vivi pretrain ... with the same flags.

    Parameters
    ----------
    preset
        A name that `vivi presets` lists, such as "VIVI-Ex(4)".
    data
        A store that `vivi ingest` wrote; a folder of images for Ex-ImageNet, Rot-ImageNet and Semi-Ex-10%.
    labels
        Labelled images for a preset with -Co, Sup or Semi: CLASS/IMAGE or train/CLASS/IMAGE.
    label_list
        Use just the labelled images named in this file: one a line, or a JSON object with the list "values".
    init_from
        Start with the encoder of this encoder folder or checkpoint folder; heads and schedule start anew.
    out
        The run folder to write; RUN/encoder is the encoder in the end.
    set_
        Change one value of the experiment: --set optimiser.learning_rate=0.1; may be repeated.
    steps
        Train for so many steps; warm-up and decays keep their places in the run.
    tiny
        The same method at a size that a CPU can train: width-16 ResNet-18 at 48 pixels.
    device
        auto, cpu, cuda or cuda:N.
    workers
        Threads that decode; one per core if not given.
    chunks
        Split a step into so many parts to save memory; the gradients stay exact. auto: as few as the memory allows.
    memory
        Gigabytes that --chunks auto lets a process use; all that is there if not given.
    recompute
        Save memory by computing the activations of the encoder's blocks again in the backward pass.
    log_every
        Steps between lines of metrics.jsonl.
    save_every
        Steps between checkpoints; the newest two are kept.
    milestone
        Keep the checkpoints of steps that are multiples of this too.
    bad_steps
        Leave out steps whose loss or gradient is not finite, at most so many in a row, and list them in
        RUN/bad_steps.jsonl; 0 ends the run at the first one.
    knn
        A folder of labelled images for the online kNN accuracy.
    knn_every
        Steps between kNN accuracies.
    """
    from vivi.console.base import plain
    from vivi.console.learning import show_run, silence, training_progress
    from vivi.core.launch import joined_world
    from vivi.training.loop import pretrain as run_pretrain

    experiment = chosen(preset, labels=labels, tiny=tiny, assignments=set_, steps=steps)
    paces = {"log_every": log_every, "save_every": save_every, "milestone": milestone, "knn_every": knn_every}
    paces["bad_steps"] = bad_steps
    limit = None if memory is None else int(memory * 1e9)
    parts = None if chunks == "auto" else chunks
    with joined_world(device) as world:
        options = run_options(world, workers, chunks=parts, memory=limit, recompute=recompute, knn=knn, **paces)
        with training_progress(experiment) if world.is_first else silence() as progress:
            run = run_pretrain(
                experiment,
                data=data,
                labels=labels,
                label_list=label_list,
                init_from=init_from,
                out=out,
                options=options,
                progress=progress,
                say=plain if world.is_first else lambda _: None,
            )
        if world.is_first:
            show_run(run)


@app.command
def sweep(
    preset: str,
    *,
    data: Path | None = None,
    labels: Path | None = None,
    label_list: Path | None = None,
    out: Path,
    score: Path,
    lambda_: Annotated[tuple[float, ...], Parameter(name="--lambda", negative="")] = (),
    gamma: Annotated[tuple[float, ...], Parameter(negative="")] = (),
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    steps: int | None = None,
    tiny: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    workers: int | None = None,
    chunks: int = 1,
) -> None:
    """Pretrain with at most four values of lambda and gamma each and compare the encoders.

    Interrupted, the same command goes on.

    Parameters
    ----------
    preset
        A name that `vivi presets` lists.
    data
        A store, or a folder of images, as for `vivi pretrain`.
    labels
        Labelled images to learn from, as for `vivi pretrain`.
    label_list
        Names of those to use.
    out
        The folder to write: a run for each combination, and sweep.json.
    score
        Labelled images that decide: a quarter of their training part, never their test part.
    lambda_
        A weight of the video level; may be repeated. Without any: some around the preset's own.
    gamma
        A weight of the labelled images; may be repeated. Without any: the preset's own.
    set_
        Change one value of the experiment, as for `vivi pretrain`.
    steps
        Train for so many steps.
    tiny
        The same method at a size that a CPU can train.
    device
        auto, cpu, cuda or cuda:N.
    workers
        Threads that decode; one per core if not given.
    chunks
        Split a step into so many parts to save memory.
    """
    from vivi.console.learning import show_sweep, sweep_progress
    from vivi.core.launch import is_launched
    from vivi.core.world import World, find_device
    from vivi.sweep import sweep as run_sweep

    experiment = chosen(preset, labels=labels, tiny=tiny, assignments=set_, steps=steps)
    if is_launched():
        raise ConfigError("vivi sweep runs in one process: start it without torchrun")
    options = run_options(World.single(find_device(device)), workers, chunks=chunks)
    with sweep_progress(experiment) as progress:
        result = run_sweep(
            experiment,
            lambdas=lambda_,
            gammas=gamma,
            data=data,
            labels=labels,
            label_list=label_list,
            out=out,
            score=score,
            options=options,
            progress=progress,
        )
    show_sweep(result, out=out)


def chosen(
    preset: str, *, labels: Path | None, tiny: bool, assignments: Sequence[str], steps: int | None
) -> "Experiment":
    """The experiment that the flags mean, its classifier as wide as the folder has classes."""
    from vivi.data.images import ImageFolder
    from vivi.presets import changed, find, for_classes
    from vivi.presets import tiny as shrink

    experiment = find(preset)
    if labels is not None and experiment.image_levels:
        experiment = for_classes(experiment, len(ImageFolder.open(labels).classes))
    return changed(shrink(experiment) if tiny else experiment, assignments=assignments, steps=steps)


def run_options(world: "World", workers: int | None, **others: Any) -> "RunOptions":
    """For this process; where no number of threads is given, the cores of the machine are shared by its processes."""
    from vivi.core.launch import processes_here
    from vivi.core.work import usable_cores
    from vivi.training.loop import RunOptions

    threads = max(1, usable_cores() // processes_here()) if workers is None else workers
    return RunOptions(world=world, workers=threads, **others)

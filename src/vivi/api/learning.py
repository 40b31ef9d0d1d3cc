"""Verbs about pretraining: presets, pretrain, sweep."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vivi.api.experiments import chosen, path_of, run_options

if TYPE_CHECKING:
    from vivi.core.rundir import RunFolder
    from vivi.experiment import Experiment
    from vivi.sweep import Sweep, SweepStep


def preset_names() -> tuple[str, ...]:
    """The names of all presets, in the order of the paper's tables."""
    from vivi.presets import PRESETS

    return tuple(PRESETS)


def preset(name: str, *, set_: Sequence[str] = (), steps: int | None = None, tiny: bool = False) -> "Experiment":
    """A preset as an experiment: a frozen tree of every value that decides a run.

    Args:
        name: such as "VIVI-Ex(4)".
        set_: changes, such as "optimiser.learning_rate=0.1".
        steps: train for so many steps.
        tiny: the same method at a size that a CPU can train.

    Raises:
        ConfigError: no such preset or field (the nearest is named), or an illegal value.
    """
    return chosen(name, labels=None, tiny=tiny, assignments=set_, steps=steps)


def pretrain(
    preset: "str | Experiment",
    *,
    data: Path | str | None = None,
    labels: Path | str | None = None,
    label_list: Path | str | None = None,
    init_from: Path | str | None = None,
    out: Path | str,
    set_: Sequence[str] = (),
    steps: int | None = None,
    tiny: bool = False,
    device: str = "auto",
    workers: int | None = None,
    chunks: int | Literal["auto"] = 1,
    memory: float | None = None,
    recompute: bool = False,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    compile_: bool | None = None,
    log_every: int = 10,
    save_every: int = 500,
    milestone: int = 0,
    bad_steps: int = 0,
    bad_records: int = 0,
    spikes: float = 10.0,
    gpu_decode: bool = False,
    knn: Path | str | None = None,
    knn_every: int = 500,
    progress: Callable[[dict[str, float]], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> "RunFolder":
    """Pretrain an encoder, as `vivi pretrain` does. Interrupted, the same call goes on.

    Started by torchrun, the processes train one model together.

    Args:
        preset: a name that `vivi.preset_names` lists, or an experiment.
        data: a shot store, or a folder of images for a method that learns from single images.
        labels: labelled images for a method that learns from labels too.
        label_list: use just the labelled images that this file names.
        init_from: start with the encoder of an encoder folder, a checkpoint, timm:NAME, timm:local-dir:FOLDER, or a
            published checkpoint as .npz.
        out: the run folder; `RunFolder.encoder` is the encoder in the end.
        set_: changes of the experiment, such as "optimiser.learning_rate=0.1".
        steps: train for so many steps.
        tiny: the same method at a size that a CPU can train.
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: threads that decode; None: one per core.
        chunks: parts of a step, to save memory; "auto": as few as the memory allows.
        memory: gigabytes that "auto" lets a process use; None: all that is there.
        recompute: compute the activations of blocks again in the backward pass, to save memory.
        precision: of the encoder's convolutions; "auto": that of the run if it goes on, else bf16 on a GPU that has it.
        compile_: compile the training passes of the encoder; None: on a GPU.
        log_every: steps between lines of metrics.jsonl.
        save_every: steps between checkpoints.
        milestone: keep the checkpoints of steps that are multiples of this; 0: the newest two alone.
        bad_steps: leave out at most so many steps in a row whose loss is not finite.
        bad_records: replace at most so many damaged frames and images.
        spikes: list lines of the log whose loss is so many median absolute deviations above the median; 0: none.
        gpu_decode: decode JPEG files on the GPU.
        knn: labelled images for the online kNN accuracy.
        knn_every: steps between kNN accuracies.
        progress: called with each line of the log.
        say: told in a sentence what was chosen; of several processes the first one tells.

    Raises:
        InterruptedRunError: SIGINT, SIGTERM or SIGUSR1 came; the state is saved.
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.launch import joined_world
    from vivi.training.loop import pretrain as run_pretrain

    experiment = chosen(preset, labels=path_of(labels), tiny=tiny, assignments=set_, steps=steps)
    rest: dict[str, Any] = {"log_every": log_every, "save_every": save_every, "knn_every": knn_every}
    rest |= {"milestone": milestone, "bad_steps": bad_steps, "bad_records": bad_records, "spikes": spikes}
    rest |= {"recompute": recompute, "precision": precision, "compile_": compile_, "gpu_decode": gpu_decode}
    with joined_world(device) as world, starting_point(init_from, is_first=world.is_first) as begun:
        run = run_pretrain(
            experiment,
            data=path_of(data),
            labels=path_of(labels),
            label_list=path_of(label_list),
            init_from=begun,
            out=Path(out),
            options=run_options(world, workers, chunks=chunks, memory=memory, knn=path_of(knn), **rest),
            progress=progress,
            say=say if world.is_first else lambda _: None,
        )
        if world.is_first:
            report_run(run, title=experiment.name)
    return run


def sweep(
    preset: "str | Experiment",
    *,
    data: Path | str | None = None,
    labels: Path | str | None = None,
    label_list: Path | str | None = None,
    out: Path | str,
    score: Path | str,
    lambda_: Sequence[float] = (),
    gamma: Sequence[float] = (),
    set_: Sequence[str] = (),
    steps: int | None = None,
    tiny: bool = False,
    device: str = "auto",
    workers: int | None = None,
    chunks: int = 1,
    progress: "Callable[[SweepStep], None]" = lambda _: None,
) -> "Sweep":
    """Pretrain with at most four values of lambda and gamma each and compare the encoders, as `vivi sweep` does.

    Interrupted, the same call goes on.

    Args:
        preset: a name that `vivi.preset_names` lists, or an experiment.
        data: a shot store, or a folder of images, as for `pretrain`.
        labels: labelled images to learn from, as for `pretrain`.
        label_list: names of those to use.
        out: the folder to write: a run for each combination, and sweep.json.
        score: labelled images that decide: a quarter of their training part, never their test part.
        lambda_: weights of the video level; none: some around the preset's own.
        gamma: weights of the labelled images; none: the preset's own.
        set_: changes of the experiment, as for `pretrain`.
        steps: train for so many steps.
        tiny: the same method at a size that a CPU can train.
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: threads that decode; None: one per core.
        chunks: parts of a step, to save memory.
        progress: called as the runs go on.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the state is saved.
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.errors import ConfigError
    from vivi.core.launch import is_launched
    from vivi.core.world import World, find_device
    from vivi.sweep import sweep as run_sweep

    if is_launched():
        raise ConfigError("vivi sweep runs in one process: start it without torchrun")
    return run_sweep(
        chosen(preset, labels=path_of(labels), tiny=tiny, assignments=set_, steps=steps),
        lambdas=lambda_,
        gammas=gamma,
        data=path_of(data),
        labels=path_of(labels),
        label_list=path_of(label_list),
        out=Path(out),
        score=Path(score),
        options=run_options(World.single(find_device(device)), workers, chunks=chunks),
        progress=progress,
    )


def report_run(run: "RunFolder", *, title: str) -> Path:
    """Write RUN/report.html, the page that a run ends with, and return its absolute path.

    Raises:
        DiskFullError: the disk is full.
    """
    from vivi.report.page import write_report

    return write_report(run.path / "report.html", title=title, store=None, cuts=None, runs=[run.path], scores=[])


@contextmanager
def starting_point(init_from: Path | str | None, *, is_first: bool) -> Iterator[Path | str | None]:
    """What `--init-from` names, as `vivi.training` takes it: a published checkpoint is converted in a temporary folder.

    Args:
        init_from: an encoder folder, a checkpoint folder, timm:NAME, or a file of weights of another code base.
        is_first: whether this process reads it.

    Raises:
        CheckpointError: a file that cannot be converted.
    """
    if init_from is None or not is_first or not Path(init_from).is_file():
        yield init_from
        return
    from tempfile import TemporaryDirectory

    from vivi.convert.conversion import convert

    with TemporaryDirectory(prefix="vivi-") as folder:
        yield convert(Path(init_from), out=Path(folder) / "encoder").folder

"""A pretraining run from its first step to its encoder folder: owns time, the log and the checkpoints."""

import dataclasses
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vivi import __version__
from vivi.core.checkpoint import load_newest
from vivi.core.checkpoint_writer import CheckpointWriter
from vivi.core.config import dump, fingerprint
from vivi.core.errors import ConfigError, InterruptedRunError
from vivi.core.files import locked, write_json
from vivi.core.rundir import RunFolder
from vivi.core.signals import StopWish, stop_on_signals
from vivi.core.world import World
from vivi.data.labelled import SPLIT_SEED
from vivi.experiment import Experiment
from vivi.model import chance_levels
from vivi.nn.encoder_pass import EncoderPass, Precision, compiler_named, exact_float32
from vivi.nn.recompute import recompute_blocks
from vivi.training.bad_records import BadRecords
from vivi.training.chunks import check_chunks
from vivi.training.feed import timed
from vivi.training.finish import export
from vivi.training.guard import Guard
from vivi.training.initial import initial_weights
from vivi.training.inputs import Inputs
from vivi.training.log import Log, Progress
from vivi.training.memory import fitting_chunks, memory_named
from vivi.training.meter import CHECKED, DivergedError, Meter, check_features, check_network
from vivi.training.monitor import OnlineKNN
from vivi.training.precision import chosen_precision, recorded
from vivi.training.saving import Saver
from vivi.training.spikes import Spikes
from vivi.training.state import TrainState
from vivi.training.step import train_step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What does not change the numbers but by rounding: devices, precision, pace of logs and checkpoints."""

    world: World
    workers: int
    """Threads that decode."""
    chunks: int | None = 1
    """Parts of a step; None: as few as the memory allows."""
    memory: int | None = None
    """Bytes that a process may use; None: what is there. It matters where the number of chunks is to be chosen."""
    recompute: bool = False
    """Whether the encoder keeps only what enters its blocks and computes the rest again, to save memory."""
    precision: Precision | None = None
    """Of the encoder; None: that of the run if it was begun, else the fastest that the device has."""
    compile: bool | None = None
    """Whether training passes through the encoder are compiled; None: on CUDA."""
    log_every: int = 10
    save_every: int = 500
    bad_steps: int = 0
    """So many steps in a row may be left out because their loss or gradient is not finite; then every step waits for
    the device. 0: such a loss ends the run when it is next looked at."""
    bad_records: int = 0
    """So many damaged records of the data are replaced by others; 0: the first one ends the run."""
    gpu_decode: bool = False
    """Whether the device decodes the JPEG files; its pixels differ a little from the CPU's."""
    spikes: float = 10.0
    """So many median absolute deviations above the lines before, a line of the log is a loss spike; 0: none is."""
    milestone: int = 0
    """Steps that are multiples of this have a checkpoint too, which is kept for ever; 0: the newest two alone."""
    knn: Path | None = None
    """A labelled image folder for the online kNN accuracy."""
    knn_every: int = 500

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: a number that is too small, or a limit that nothing looks at; the text names the flag.
        """
        if self.memory is not None and (self.chunks is not None or self.memory < 1):
            raise ConfigError("--memory: give it with --chunks auto, and more than 0 gigabytes")
        for name, least in (
            ("workers", 1),
            ("chunks", 1),
            ("log_every", 1),
            ("save_every", 1),
            ("knn_every", 1),
            ("milestone", 0),
            ("bad_steps", 0),
            ("bad_records", 0),
            ("spikes", 0),
        ):
            if (value := getattr(self, name)) is not None and not value >= least:
                raise ConfigError(f"--{name.replace('_', '-')} {value}: must be at least {least}")


@exact_float32()
def pretrain(
    experiment: Experiment,
    *,
    data: Path | None = None,
    labels: Path | None = None,
    label_list: Path | None = None,
    init_from: Path | str | None = None,
    out: Path,
    options: RunOptions,
    progress: Progress,
    say: Callable[[str], None] = lambda _: None,
) -> RunFolder:
    """Do the run `experiment` in the folder `out`, going on where an earlier one stopped.

    Args:
        experiment: what to run.
        data: a shot store, or a folder of images for a method that learns from single images.
        labels: labelled images, for a method with image levels.
        label_list: names of the labelled images to use; None: the share that the experiment says.
        init_from: whose encoder this run starts with: see `vivi.training.initial.initial_weights`.
        out: the run folder.
        options: devices, pace of logs and checkpoints.
        progress: called with each line of the log.
        say: told in a sentence what was chosen.

    Raises:
        InterruptedRunError: SIGINT, SIGTERM or SIGUSR1 came; the state is saved.
        ViviError: anything the user can mend (data, folder, settings, disk).
    """
    world = options.world
    check_chunks(experiment, chunks=options.chunks or 1, world=world)
    inputs = Inputs.open(
        experiment,
        data=data,
        labels=labels,
        label_list=label_list,
        bad_records=options.bad_records,
        gpu_decode=options.gpu_decode,
    )
    inputs.check(world=world, workers=options.workers)
    knn = None
    if options.knn is not None and world.is_first:
        knn = _online_knn(experiment, folder=options.knn, every=options.knn_every)
    state = TrainState.start(experiment, device=world.device)
    check_network(state, size=experiment.image_size)
    run = RunFolder(out)
    precision = chosen_precision(options.precision, run=run, world=world)
    options = _prepared(options, state=state, experiment=experiment, precision=precision, say=say)
    begun_with = None
    if init_from is not None:
        begun_with = initial_weights(init_from, state=state, world=world, encoder=experiment.encoder, say=say)
    with locked(out) if world.is_first else nullcontext(), stop_on_signals() as wish:
        if world.decided_by_first(
            lambda: (
                run.claim(_identity(experiment, inputs, begun_with) | recorded(precision, run=run))
                and run.done.exists()
            )
        ):
            return run
        if restore(run, state, fingerprint=fingerprint(experiment), world=world, say=say):
            progress({"step": state.step})
        every = None if options.knn is None else options.knn_every
        spikes = partial(Spikes, run, inputs=inputs, deviations=options.spikes, first_step=state.step, say=say)
        with (
            Log.of(
                run, first_step=state.step, knn=knn, knn_every=every, spikes=spikes, world=world, progress=progress
            ) as log,
            compiler_named(),
            memory_named(experiment, chunks=options.chunks or 1, recompute=options.recompute, world=world),
        ):
            try:
                _train(state, experiment=experiment, inputs=inputs, run=run, options=options, log=log, wish=wish)
            except DivergedError as error:
                Guard(run, world=world, limit=options.bad_steps).diverged(error, inputs=inputs)
                raise
        world.decided_by_first(lambda: _finish(run, state=state, experiment=experiment, inputs=inputs))
    return run


def restore(
    run: RunFolder,
    state: TrainState,
    *,
    fingerprint: str,
    world: World,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Bring the state of every rank to rank 0's newest checkpoint; False when there is none.

    `say` is told of newer ones that are damaged and passed over.

    Raises:
        CheckpointError: there are checkpoints, but none can be used.
    """

    def load() -> list[Any] | None:
        found = load_newest(run.checkpoints, state, fingerprint=fingerprint, say=say)
        run.cut_metrics(state.step)
        return [state.step, state.interval, state.with_momentum()] if found else None

    found = world.decided_by_first(load)
    if found is None:
        return False
    state.step, state.interval, with_momentum = found
    world.copy_from_first(state.in_place(with_momentum=with_momentum))
    return True


def _prepared(
    options: RunOptions,
    *,
    state: TrainState,
    experiment: Experiment,
    precision: Precision,
    say: Callable[[str], None],
) -> RunOptions:
    """Set how passes through the encoder go; the options with the number of chunks that is then chosen."""
    model, world = state.model, options.world
    if options.recompute:
        recompute_blocks(model.encoder)
    model.encoder_pass = EncoderPass(precision=precision)
    if options.chunks is None:
        chunks = fitting_chunks(state, experiment=experiment, world=world, limit=options.memory, say=say)
        options = dataclasses.replace(options, chunks=chunks)
    compiled = world.device.type == "cuda" if options.compile is None else options.compile
    if compiled or precision is not Precision.FP32:
        say(f"the encoder computes in {precision.value}{', compiled: the first steps take long' if compiled else ''}")
    model.encoder_pass = EncoderPass(precision=precision, compiled=compiled)
    return options


def _finish(run: RunFolder, *, state: TrainState, experiment: Experiment, inputs: Inputs) -> None:
    export(run, state=state, experiment=experiment, inputs=inputs)
    write_json(run.done, {"step": state.step, "vivi": __version__})


def _train(
    state: TrainState,
    *,
    experiment: Experiment,
    inputs: Inputs,
    run: RunFolder,
    options: RunOptions,
    log: Log,
    wish: StopWish,
) -> None:
    steps, world, first = experiment.schedule.steps, options.world, state.step
    meter = Meter(state.interval)
    writer = CheckpointWriter(run.checkpoints, fingerprint=fingerprint(experiment), milestone=options.milestone)
    guard = Guard(run, world=world, limit=options.bad_steps, first_step=first)
    records = BadRecords(run, world=world, damage=inputs.damage)
    saver = Saver(run, state, writer, world, paces=(options.save_every, options.milestone, steps))

    def at_failure() -> None:
        records.note_all()
        if state.step > first:
            with suppress(DivergedError):  # then it is not worth saving; bad data is what ends the run
                saver.save(meter)
        saver.settle()

    source = inputs.batches(first, steps, world=world, workers=options.workers)
    world.watch.at("waiting for data", step=first + 1)
    with writer, closing(timed(source, world=world, at_failure=at_failure)) as batches:
        for batch, waited in batches:
            result = train_step(
                state,
                batch.videos,
                images=batch.images,
                experiment=experiment,
                world=world,
                chunks=options.chunks or 1,
                leave_out_bad=options.bad_steps > 0,
            )
            world.watch.at("log and checkpoint")
            guard.watch(result, batch, step=state.step - 1)
            meter.add(result, step=state.step - 1, frames=experiment.pictures_per_step, waited=waited)
            last = state.step == steps
            stopping = records.any(wish.asked)
            if state.step % options.log_every == 0 or log.due(state.step) or last:
                log.write(meter, state=state, last=last)
                meter = Meter()
            if saver.is_due() or stopping or records.are_too_many:
                check_features(state, batch.pictures(CHECKED))
                saver.save(meter, result=result)
            records.check(before=saver.settle)
            if stopping and not last:
                saver.settle()
                raise InterruptedRunError(
                    f"stopped and saved at step {state.step} of {steps} in {run.path}: the same command goes on"
                )
            world.watch.at("waiting for data", step=state.step + 1)


def _online_knn(experiment: Experiment, *, folder: Path, every: int) -> OnlineKNN:
    return OnlineKNN(folder, every=every, size=experiment.image_size, seed=SPLIT_SEED)


def _identity(experiment: Experiment, inputs: Inputs, begun_with: str | None) -> dict[str, object]:
    return {
        "experiment": dump(experiment),
        "fingerprint": fingerprint(experiment),
        **inputs.identity(),
        **({} if begun_with is None else {"init_from": begun_with}),
        "chance": chance_levels(experiment),
    }

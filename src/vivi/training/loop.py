"""A pretraining run from its first step to its encoder folder: owns time, the log and the checkpoints."""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi import __version__
from vivi.core.checkpoint import load_newest
from vivi.core.checkpoint_writer import CheckpointWriter
from vivi.core.config import dump, fingerprint
from vivi.core.errors import ConfigError, InterruptedRunError, ViviError
from vivi.core.files import locked, write_json
from vivi.core.rundir import RunFolder
from vivi.core.signals import StopWish, stop_on_signals
from vivi.core.world import World
from vivi.data.labelled import SPLIT_SEED
from vivi.experiment import Experiment
from vivi.model import chance_levels
from vivi.nn.recompute import recompute_blocks
from vivi.training.chunks import check_chunks
from vivi.training.finish import export
from vivi.training.guard import Guard
from vivi.training.initial import initial_weights
from vivi.training.inputs import Inputs, StepInput
from vivi.training.memory import fitting_chunks
from vivi.training.meter import CHECKED, DivergedError, Meter, check_features, check_network
from vivi.training.monitor import Monitor, OnlineKNN
from vivi.training.state import TrainState
from vivi.training.step import train_step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What does not change the numbers: devices, pace of logs and checkpoints."""

    world: World
    workers: int
    """Threads that decode."""
    chunks: int | None = 1
    """Parts of a step; None: as few as the memory allows."""
    memory: int | None = None
    """Bytes that a process may use; None: what is there. It matters where the number of chunks is to be chosen."""
    recompute: bool = False
    """Whether the encoder keeps only what enters its blocks and computes the rest again, to save memory."""
    log_every: int = 10
    save_every: int = 500
    bad_steps: int = 0
    """So many steps in a row may be left out because their loss or gradient is not finite; then every step waits for
    the device. 0: such a loss ends the run when it is next looked at."""
    milestone: int = 0
    """Checkpoints of steps that are multiples of this are kept for ever; 0: the newest two alone."""
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
            ("log_every", 1),
            ("save_every", 1),
            ("knn_every", 1),
            ("milestone", 0),
            ("bad_steps", 0),
        ):
            if getattr(self, name) < least:
                raise ConfigError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least {least}")


Progress = Callable[[dict[str, float]], None]


def pretrain(
    experiment: Experiment,
    *,
    data: Path | None = None,
    labels: Path | None = None,
    label_list: Path | None = None,
    init_from: Path | None = None,
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
        init_from: an encoder folder, or a checkpoint of another run, whose encoder this run starts with.
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
    inputs = Inputs.open(experiment, data=data, labels=labels, label_list=label_list)
    inputs.check(world=world, workers=options.workers)
    knn = None
    if options.knn is not None and world.is_first:
        knn = _online_knn(experiment, folder=options.knn, every=options.knn_every)
    state = TrainState.start(experiment, device=world.device)
    check_network(state, size=experiment.image_size)
    if options.recompute:
        recompute_blocks(state.model.encoder)
    options = _with_chunks(options, state=state, experiment=experiment, say=say)
    begun_with = None if init_from is None else initial_weights(init_from, state=state, world=world)
    run = RunFolder(out)
    with locked(out) if world.is_first else nullcontext(), stop_on_signals() as wish:
        if world.decided_by_first(lambda: run.claim(_identity(experiment, inputs, begun_with)) and run.done.exists()):
            return run
        if restore(run, state, fingerprint=fingerprint(experiment), world=world):
            progress({"step": state.step})
        with _Log.of(run, first_step=state.step, knn=knn, world=world, progress=progress) as log:
            try:
                _train(state, experiment=experiment, inputs=inputs, run=run, options=options, log=log, wish=wish)
            except DivergedError as error:
                Guard(run, world=world, limit=options.bad_steps).diverged(error, inputs=inputs)
                raise
        world.decided_by_first(lambda: _finish(run, state=state, experiment=experiment, inputs=inputs))
    return run


def restore(run: RunFolder, state: TrainState, *, fingerprint: str, world: World) -> bool:
    """Bring the state of every rank to rank 0's newest checkpoint; False when there is none.

    Raises:
        CheckpointError: there are checkpoints, but none can be used.
    """

    def load() -> list[Any] | None:
        found = load_newest(run.checkpoints, state, fingerprint=fingerprint)
        run.cut_metrics(state.step)
        return [state.step, state.interval, state.with_momentum()] if found else None

    found = world.decided_by_first(load)
    if found is None:
        return False
    state.step, state.interval, with_momentum = found
    world.copy_from_first(state.in_place(with_momentum=with_momentum))
    return True


def _with_chunks(
    options: RunOptions, *, state: TrainState, experiment: Experiment, say: Callable[[str], None]
) -> RunOptions:
    if options.chunks is not None:
        return options
    chunks = fitting_chunks(state, experiment=experiment, world=options.world, limit=options.memory, say=say)
    return dataclasses.replace(options, chunks=chunks)


def _finish(run: RunFolder, *, state: TrainState, experiment: Experiment, inputs: Inputs) -> None:
    export(run, state=state, experiment=experiment, inputs=inputs)
    write_json(run.done, {"step": state.step, "vivi": __version__})


@dataclass(frozen=True, slots=True)
class _Log:
    """Writes and shows the lines of the log; on other ranks than the first it only reads them."""

    monitor: Monitor | None
    progress: Progress

    @classmethod
    @contextmanager
    def of(
        cls, run: RunFolder, *, first_step: int, knn: OnlineKNN | None, world: World, progress: Progress
    ) -> Iterator["_Log"]:
        if not world.is_first:
            yield cls(None, progress)
            return
        with Monitor(run, first_step=first_step, knn=knn) as monitor:
            yield cls(monitor, progress)

    def due(self, step: int) -> bool:
        return self.monitor is not None and self.monitor.due(step)

    def write(self, meter: Meter, *, state: TrainState, last: bool) -> None:
        line = meter.read(state.step)  # on every rank, so that all stop where the loss is not finite
        if self.monitor is not None:
            self.progress(self.monitor.log(line, state=state, last=last))


def _train(
    state: TrainState,
    *,
    experiment: Experiment,
    inputs: Inputs,
    run: RunFolder,
    options: RunOptions,
    log: _Log,
    wish: StopWish,
) -> None:
    steps, world, first = experiment.schedule.steps, options.world, state.step
    meter = Meter(state.interval)
    identity = fingerprint(experiment)
    writer = CheckpointWriter(run.checkpoints, fingerprint=identity, milestone=options.milestone)

    guard = Guard(run, world=world, limit=options.bad_steps)

    def save() -> None:
        meter.check_finite(state.step)
        state.interval = meter.sums()
        if world.is_first:
            writer.save(state)

    source = inputs.batches(first, steps, world=world, workers=options.workers)
    world.watch.at("waiting for data", step=first + 1)
    with writer, closing(_timed(source, at_failure=lambda: save() if state.step > first else None)) as batches:
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
            meter.add(result, frames=experiment.pictures_per_step, waited=waited)
            last = state.step == steps
            stopping = world.any(wish.asked)
            if state.step % options.log_every == 0 or log.due(state.step) or last:
                log.write(meter, state=state, last=last)
                meter = Meter()
            if state.step % options.save_every == 0 or last or stopping:
                check_features(state, batch.pictures(CHECKED))
                save()
            if stopping and not last:
                writer.wait()
                raise InterruptedRunError(
                    f"stopped and saved at step {state.step} of {steps} in {run.path}: the same command goes on"
                )
            world.watch.at("waiting for data", step=state.step + 1)


def _online_knn(experiment: Experiment, *, folder: Path, every: int) -> OnlineKNN:
    return OnlineKNN(folder, every=every, size=experiment.image_size, seed=SPLIT_SEED)


def _timed(batches: Generator[StepInput], *, at_failure: Callable[[], None]) -> Generator[tuple[StepInput, float]]:
    """Each batch with the seconds that the loop waited for it; `at_failure` is called before bad data ends the run."""
    with closing(batches):
        began = time.monotonic()
        try:
            for batch in batches:
                yield batch, time.monotonic() - began
                began = time.monotonic()
        except ViviError:
            at_failure()
            raise


def _identity(experiment: Experiment, inputs: Inputs, begun_with: str | None) -> dict[str, object]:
    return {
        "experiment": dump(experiment),
        "fingerprint": fingerprint(experiment),
        **inputs.identity(),
        **({} if begun_with is None else {"init_from": begun_with}),
        "chance": chance_levels(experiment),
    }

"""A pretraining run from its first step to its encoder folder: owns time, the log and the checkpoints."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from vivi import __version__
from vivi.core.config import dump, fingerprint
from vivi.core.errors import ConfigError, InterruptedRunError
from vivi.core.files import locked, sha256_file, write_json
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.data.loader import VideoLoader
from vivi.data.records import VideoBatch
from vivi.data.store import ShotStore
from vivi.data.store.format import MANIFEST
from vivi.experiment import Experiment
from vivi.model import chance_levels
from vivi.training.checkpoint import load_newest, save_checkpoint
from vivi.training.finish import export
from vivi.training.meter import Meter, check_features
from vivi.training.monitor import Monitor, OnlineKNN
from vivi.training.signals import StopWish, stop_on_signals
from vivi.training.state import TrainState
from vivi.training.step import train_step


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What does not change the numbers: devices, pace of logs and checkpoints."""

    world: World
    workers: int
    """Threads that decode."""
    chunks: int = 1
    log_every: int = 10
    save_every: int = 500
    knn: Path | None = None
    """A labelled image folder for the online kNN accuracy."""
    knn_every: int = 500

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: a number below 1; the text names the flag.
        """
        for name in ("workers", "log_every", "save_every", "knn_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least 1")


Progress = Callable[[dict[str, float]], None]


def pretrain(experiment: Experiment, *, data: Path, out: Path, options: RunOptions, progress: Progress) -> RunFolder:
    """Run `experiment` on the store at `data` into the folder `out`, going on where an earlier run stopped.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the state is saved.
        ViviError: anything the user can mend (data, folder, settings, disk).
    """
    check_chunks(experiment, chunks=options.chunks, world=options.world)
    store = ShotStore.open(data)
    loader = _loader(experiment, store=store, options=options)
    knn = None if options.knn is None else _online_knn(experiment, folder=options.knn, every=options.knn_every)
    run = RunFolder(out)
    with locked(out), stop_on_signals() as wish:
        if run.claim(_identity(experiment, store)) and run.done.exists():
            return run
        state = TrainState.start(experiment, device=options.world.device)
        if load_newest(run.checkpoints, state, fingerprint=fingerprint(experiment)):
            progress({"step": state.step})
        run.cut_metrics(state.step)
        with Monitor(run, first_step=state.step, knn=knn) as monitor:
            log = _Log(monitor, progress)
            _train(state, experiment=experiment, loader=loader, run=run, options=options, log=log, wish=wish)
        export(run, state=state, experiment=experiment, store=store)
        write_json(run.done, {"step": state.step, "vivi": __version__})
    return run


@dataclass(frozen=True, slots=True)
class _Log:
    monitor: Monitor
    progress: Progress

    def write(self, meter: Meter, *, state: TrainState, last: bool) -> None:
        self.progress(self.monitor.log(meter.read(state.step), state=state, last=last))


def _train(
    state: TrainState,
    *,
    experiment: Experiment,
    loader: VideoLoader,
    run: RunFolder,
    options: RunOptions,
    log: _Log,
    wish: StopWish,
) -> None:
    steps = experiment.schedule.steps
    meter = Meter(state.interval)
    with closing(_timed(loader.batches(state.step, steps))) as batches:
        for batch, waited in batches:
            result = train_step(state, batch, experiment=experiment, world=options.world, chunks=options.chunks)
            meter.add(result, frames=experiment.frames_per_step, waited=waited)
            last = state.step == steps
            if state.step % options.log_every == 0 or log.monitor.due(state.step) or last:
                log.write(meter, state=state, last=last)
                meter = Meter()
            if state.step % options.save_every == 0 or last or wish.asked:
                meter.check_finite(state.step)
                check_features(state, batch)
                state.interval = meter.sums()
                save_checkpoint(run.checkpoints, state, fingerprint=fingerprint(experiment))
            if wish.asked and not last:
                raise InterruptedRunError(
                    f"stopped and saved at step {state.step} of {steps} in {run.path}: the same command goes on"
                )


def _loader(experiment: Experiment, *, store: ShotStore, options: RunOptions) -> VideoLoader:
    return VideoLoader(
        store,
        sampling=experiment.sampling,
        augmentation=experiment.augmentation,
        samples_per_step=experiment.samples_per_step,
        seed=experiment.seed,
        rank=options.world.rank,
        ranks=options.world.size,
        workers=options.workers,
        device=options.world.device,
    )


def _online_knn(experiment: Experiment, *, folder: Path, every: int) -> OnlineKNN:
    return OnlineKNN(folder, every=every, size=experiment.augmentation.crop.size, seed=experiment.seed)


def _timed(batches: Generator[VideoBatch]) -> Generator[tuple[VideoBatch, float]]:
    """Each batch with the seconds that the loop waited for it."""
    with closing(batches):
        began = time.monotonic()
        for batch in batches:
            yield batch, time.monotonic() - began
            began = time.monotonic()


def _identity(experiment: Experiment, store: ShotStore) -> dict[str, object]:
    return {
        "experiment": dump(experiment),
        "fingerprint": fingerprint(experiment),
        "data": sha256_file(store.path / MANIFEST)[:12],
        "chance": chance_levels(experiment),
    }


def check_chunks(experiment: Experiment, *, chunks: int, world: World) -> None:
    """Check that the samples split over the ranks and the shots of a rank over the chunks, in whole norm groups.

    Raises:
        ConfigError: they do not; the text lists the legal numbers of chunks.
    """
    if experiment.samples_per_step % world.size:
        raise ConfigError(f"samples_per_step: {experiment.samples_per_step} does not split over {world.size} processes")
    groups, rest = divmod(experiment.shots_per_step // world.size, experiment.norm_group)
    if rest:
        raise ConfigError(f"norm_group: {experiment.norm_group} shots do not divide the shots of one process")
    if chunks < 1 or groups % chunks:
        legal = ", ".join(str(d) for d in range(1, groups + 1) if groups % d == 0)
        raise ConfigError(f"--chunks {chunks}: the {groups} norm groups of a step do not split so; legal: {legal}")

"""A fine-tuning run from its first step to its result: owns time, the log and the checkpoints."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vivi.core.checkpoint import load_newest, save_checkpoint
from vivi.core.errors import ConfigError, InterruptedRunError
from vivi.core.files import locked, read_json, write_json
from vivi.core.run_state import RunState
from vivi.core.signals import StopWish, stop_on_signals
from vivi.transfer.detection.batches import Target, target_of, training_batches
from vivi.transfer.detection.folder import DetectionFolder
from vivi.transfer.detection.library import check_operators, mean_average_precision
from vivi.transfer.detection.log import Interval
from vivi.transfer.detection.measure import Measured, measure
from vivi.transfer.detection.pictures import read_pixels
from vivi.transfer.detection.recipe import Recipe
from vivi.transfer.detection.step import Found, find, learn
from vivi.transfer.detection.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionOptions:
    """What does not change the numbers: device, threads, pace of logs and checkpoints."""

    device: torch.device
    workers: int
    """Threads that decode."""
    log_every: int = 20
    save_every: int = 500

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: a number below 1; the text names the flag.
        """
        for name in ("workers", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be at least 1")


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a run is."""

    stage: str
    """"checking", "learning" or "measuring"."""
    done: int
    """Images, or steps while it is learning."""
    total: int
    line: dict[str, float]
    """The newest line of the log; empty but while it is learning."""


Progress = Callable[[Moment], None]


def detect(
    encoder: Path, *, data: Path, out: Path, recipe: Recipe, options: DetectionOptions, progress: Progress
) -> dict[str, Any]:
    """Fine-tune a detector on an encoder and measure it, going on where an earlier run in `out` stopped.

    Args:
        encoder: an encoder folder.
        data: a folder in VOC's format.
        out: the folder to write, see `DetectionFolder`.
        recipe: everything that decides the numbers.
        options: what does not.
        progress: called as the run goes on.

    Returns:
        What stands in detection.json.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the state is saved.
        ViviError: anything the user can mend: libraries, data, folder, settings, disk.
    """
    check_operators(options.device)
    mean_average_precision()
    work = Work.open(encoder, data=data, recipe=recipe)
    state, folder = work.start(options.device), DetectionFolder(out)
    with locked(out), stop_on_signals() as wish:
        folder.claim(work.identity())
        if folder.result.exists():
            found: dict[str, Any] = read_json(folder.result)
            return found
        work.check_images(lambda done, total: progress(Moment("checking", done, total, {})))
        began = time.monotonic()
        _train(work, state=state, folder=folder, options=options, progress=progress, wish=wish)
        trained = time.monotonic()
        measured = _measure(work, state=state, options=options, progress=progress, wish=wish, out=out)
        seconds = {"learning": trained - began, "measuring": time.monotonic() - trained}
        result = work.result(measured, seconds=seconds).as_json()
        write_json(folder.result, result)
    return result


def _train(
    work: Work,
    *,
    state: RunState,
    folder: DetectionFolder,
    options: DetectionOptions,
    progress: Progress,
    wish: StopWish,
) -> None:
    recipe, steps, run = work.recipe, work.recipe.schedule.steps, folder.run
    load_newest(run.checkpoints, state, fingerprint=work.fingerprint())
    run.cut_metrics(state.step)
    interval = Interval(state.interval)

    def save() -> None:
        state.interval = interval.sums(state.step)
        save_checkpoint(run.checkpoints, state, fingerprint=work.fingerprint())

    batches = training_batches(
        work.train, classes=work.classes, recipe=recipe, first=state.step, workers=options.workers
    )
    progress(Moment("learning", state.step, steps, {}))
    with closing(batches):
        for samples in batches:
            rate = recipe.rate(state.step)
            interval.add(learn(state, samples, recipe=recipe, device=options.device), images=len(samples))
            last = state.step == steps
            if state.step % options.log_every == 0 or last:
                line = interval.line(state.step, rate=rate)
                run.append_metrics(line)
                progress(Moment("learning", state.step, steps, line))
                interval = Interval()
            if state.step % options.save_every == 0 or last or wish.asked:
                save()
            if wish.asked:
                raise _stopped(f"at step {state.step} of {steps}", folder.path)


def _measure(
    work: Work, *, state: RunState, options: DetectionOptions, progress: Progress, wish: StopWish, out: Path
) -> Measured:
    images = work.test.images
    state.model.eval()

    def pairs() -> Iterator[tuple[Found, Target]]:
        for at, pixels_HWC in enumerate(read_pixels(images)):
            progress(Moment("measuring", at, len(images), {}))
            if wish.asked:
                raise _stopped("while it was measured", out)
            target = target_of(images[at].annotation, classes=work.classes)
            yield find(state.model, pixels_HWC, device=options.device), target
        progress(Moment("measuring", len(images), len(images), {}))

    return measure(pairs(), classes=work.classes)


def _stopped(when: str, out: Path) -> InterruptedRunError:
    return InterruptedRunError(f"stopped and saved {when} in {out}: the same command goes on")

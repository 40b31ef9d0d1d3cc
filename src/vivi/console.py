"""What the command line shows: progress bars and tables; where there is no terminal, a plain line now and then."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from vivi.core.config import dump, fingerprint
from vivi.core.rundir import RunFolder

if TYPE_CHECKING:
    from vivi.convert.conversion import Conversion
    from vivi.experiment import Experiment
    from vivi.presets import Preset
    from vivi.sweep import Sweep, SweepStep
    from vivi.transfer.embed import EmbedSummary
    from vivi.transfer.scores import Scores
    from vivi.video.ingest import IngestSummary
    from vivi.video.ingest import Progress as IngestProgress

PLAIN_SECONDS = 10.0
"""Between two lines of progress where there is no terminal."""


PLAIN_WIDTH = 120
"""Columns of tables where there is no terminal."""


def console() -> Console:
    """Standard output; tables keep their shape in a pipe or a file."""
    return Console(width=None if sys.stdout and sys.stdout.isatty() else PLAIN_WIDTH)


class Bar:
    """A progress bar with one line of text behind it."""

    def __init__(self, title: str, *, unit: str) -> None:
        self._console = Console(stderr=True)
        self._title, self._unit = title, unit
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[text]}"))
        self._progress = Progress(*columns, *times, console=self._console, disable=not self._console.is_terminal)
        self._task = self._progress.add_task(title, total=None, text="")
        self._said, self._ended = time.monotonic(), False

    def __enter__(self) -> "Bar":
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._progress.stop()

    def update(self, done: int, *, total: int | None, text: str = "") -> None:
        """Show that `done` of `total` are done."""
        self._progress.update(self._task, completed=done, total=total, text=escape(text))
        now = time.monotonic()
        ended = done == total and not self._ended
        if not self._console.is_terminal and done and (now - self._said > PLAIN_SECONDS or ended):
            self._said, self._ended = now, done == total
            of = "" if total is None else f"/{total}"
            self._console.print(f"{self._title}: {done}{of} {self._unit} {text}", markup=False, highlight=False)


@contextmanager
def ingest_progress() -> Iterator[Callable[["IngestProgress"], None]]:
    """A bar for `vivi.video.ingest.ingest`; videos/s counts this run alone."""
    began = time.monotonic()
    with Bar("Ingest", unit="videos") as bar:

        def show(state: "IngestProgress") -> None:
            rate = (state.done - state.before) / max(time.monotonic() - began, 1e-9)
            bar.update(state.done, total=state.total, text=f"{rate:.1f} videos/s, {state.skipped} skipped")

        yield show


@contextmanager
def training_progress(experiment: "Experiment") -> Iterator[Callable[[dict[str, float]], None]]:
    """A bar for `vivi.training.loop.pretrain`."""
    from vivi.training.board import has_tensorboard

    if not has_tensorboard():
        Console(stderr=True).print(
            'TensorBoard is not installed: metrics.jsonl only (pip install "vivi\\[tensorboard]")'
        )
    with Bar(escape(experiment.name), unit="steps") as bar:

        def show(line: dict[str, float]) -> None:
            bar.update(int(line["step"]), total=experiment.schedule.steps, text=training_text(line))

        yield show


def training_text(line: Mapping[str, float]) -> str:
    """One line of metrics for the eye: loss and its parts, speed, waiting, collapse monitors, kNN."""
    if "loss" not in line:
        return f"going on from step {int(line['step'])}"
    parts = [f"{name.split('/')[1]} {value:.3f}" for name, value in line.items() if "/" in name]
    knn = [f"kNN {line['knn']:.1%}"] if "knn" in line else []
    speed = f"{line['frames_per_second']:.0f} frames/s, data wait {line['data_wait']:.0%}"
    spread = f"std {line['feature_std']:.2f}, rank {line['effective_rank']:.1f}"
    return ", ".join([f"loss {line['loss']:.3f} ({', '.join(parts)})", speed, spread, *knn])


@contextmanager
def feature_progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for passes over images: called with images done and in all."""
    with Bar(title, unit="images") as bar:
        yield lambda done, total: bar.update(done, total=total)


def plain(text: str) -> None:
    """One line as it is, never folded or coloured: paths can be copied and piped."""
    console().print(text, markup=False, highlight=False, soft_wrap=True)


def show_ingest(summary: "IngestSummary", *, out: Path) -> None:
    """The table at the end of an ingest."""
    table = Table("", "", title="Ingest", show_header=False)
    skipped = sum(count for _, count in summary.skipped)
    rows: list[tuple[str, str]] = [
        ("inputs", f"{summary.videos + skipped}"),
        ("videos stored", f"{summary.videos}"),
        *((f"skipped: {reason}", f"{count}") for reason, count in summary.skipped),
        ("minutes of video", f"{summary.minutes:.1f}"),
        ("frames", f"{summary.frames}"),
        ("shots", f"{summary.shots}"),
        ("shots a video", f"{summary.shots_per_video:.1f}"),
        *((f"videos for K={k}, L={frames}", f"{count}") for k, frames, count in summary.remaining),
    ]
    for name, value in rows:
        table.add_row(escape(name), value)
    console().print(table)
    if summary.was_complete:
        plain("This store was complete already: nothing was left to do.")
    if summary.skipped:
        plain(f"Each skipped input with its reason: {out / 'skipped.csv'}")
    plain(f"{out}")


def show_presets(presets: Mapping[str, "Preset"]) -> None:
    """A table of all presets."""
    table = Table("preset", "N x K x L", "what it learns from", "in the paper", box=None)
    for name, preset in presets.items():
        table.add_row(escape(name), _step_size(preset.build()), escape(preset.about), preset.where)
    console().print(table)
    plain('All values of one: vivi presets "VIVI-Ex(4)"; whose they are: vivi presets "VIVI-Ex(4)" --explain')


def _step_size(experiment: "Experiment") -> str:
    """N x K x L of videos, and the labelled images."""
    sampling = experiment.sampling
    parts = []
    if experiment.uses_videos:
        parts.append(f"{experiment.samples_per_step} x {sampling.shots} x {sampling.frames}")
    if experiment.images_per_step:
        parts.append(f"{experiment.images_per_step}")
    return " + ".join(parts)


def show_experiment(experiment: "Experiment") -> None:
    """All values of an experiment, as JSON; the paths are those that --set takes."""
    print(json.dumps(dump(experiment), indent=2))
    Console(stderr=True).print(f"fingerprint {fingerprint(experiment)}", highlight=False)


def show_run(run: RunFolder) -> None:
    """The last line of metrics and where the encoder is."""
    lines = run.read_metrics()
    if lines:
        plain(f"step {int(lines[-1]['step'])}: {training_text(lines[-1])}")
    plain(f"{run.encoder}")


def show_scores(scores: "Scores", *, out: Path | None) -> None:
    """Accuracies with their intervals."""
    table = Table("task", "probe", "weights", "accuracy", "95 % interval", "test images")
    for score in scores.results:
        interval = f"{score.interval[0]:.1%} to {score.interval[1]:.1%}"
        numbers = (f"{score.accuracy:.1%}", interval, str(score.total))
        table.add_row(escape(score.task), score.probe, score.weights, *numbers)
    console().print(table)
    for each in scores.skipped:
        plain(f"skipped: {each['path']}: {each['reason']}")
    for remark in scores.remarks:
        plain(remark)
    if out is not None:
        plain(f"{out}")


def show_embedded(summary: "EmbedSummary", *, out: Path) -> None:
    """How many images were embedded."""
    plain(f"{summary.images} images, {summary.dim} numbers each")
    if summary.skipped:
        plain(f"{summary.skipped} images could not be read: {summary.skipped_file}")
    plain(f"{out}")


def show_explained(experiment: "Experiment") -> None:
    """Every value of a preset with whose it is, and how many there are of each; in a pipe, a value is one line."""
    from vivi.presets.origins import ABBREVIATIONS
    from vivi.presets.provenance import explained

    values = explained(experiment)
    if console().is_terminal:
        table = Table("value of --set", "", "from", "why", title=escape(experiment.name))
        for each in values:
            table.add_row(escape(each.path), escape(each.value), each.whose, escape(each.note))
        console().print(table)
    else:
        paths, texts = (max(map(len, column)) for column in zip(*((e.path, e.value) for e in values), strict=True))
        for each in values:
            plain(f"{each.path:{paths}}  {each.value:{texts}}  {each.whose:8}  {each.note}")
    counts = Counter(each.whose for each in values)
    plain(f"{len(values)} values: {', '.join(f'{count} {whose}' for whose, count in counts.most_common())}")
    plain(f"{ABBREVIATIONS}; more in docs/defaults.md")


@contextmanager
def sweep_progress(experiment: "Experiment") -> Iterator[Callable[["SweepStep"], None]]:
    """A bar over the steps of all runs, for `vivi.sweep.sweep`."""
    with Bar(f"{escape(experiment.name)}, sweep", unit="steps") as bar:

        def show(now: "SweepStep") -> None:
            steps = experiment.schedule.steps
            done = (now.run - 1) * steps + (int(now.line["step"]) if now.line else steps)
            text = training_text(now.line) if now.line else f"scoring, {now.images[0]} of {now.images[1]} images"
            bar.update(done, total=now.runs * steps, text=f"{now.name}: {text}")

        yield show


def show_sweep(result: "Sweep", *, out: Path) -> None:
    """The runs from the best to the worst, and how far the first can be told from the second."""
    names = list(result.trials[0].weights)
    table = Table(*names, "linear probe", "95 % interval", "kNN", "validation images")
    for trial in result.trials:
        score, other = trial.linear, trial.knn
        interval = f"{score.interval[0]:.1%} to {score.interval[1]:.1%}"
        weights = [f"{trial.weights[name]:g}" for name in names]
        table.add_row(*weights, f"{score.accuracy:.1%}", interval, f"{other.accuracy:.1%}", str(score.total))
    console().print(table)
    plain(result.verdict)
    plain(f"{result.trials[0].encoder}")
    plain(f"{out}")


def show_conversion(done: "Conversion") -> None:
    """What was recognised, what was left out, and where the encoder is."""
    plain(f"recognised: {done.layout.title} ({done.layout.name})")
    plain(f"{done.taken} variables, {done.parameters:,} parameters, {done.encoder.feature_dim} features")
    for variable in done.left_out:
        plain(f"left out: {variable}")
    plain(f"{done.folder}")

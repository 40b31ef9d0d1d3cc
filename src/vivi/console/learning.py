"""What the verbs about pretraining show."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from json import dumps as as_text
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from vivi.console.base import Bar, cell, console, plain
from vivi.core.config import dump, fingerprint
from vivi.core.files import read_json
from vivi.core.rundir import RunFolder

if TYPE_CHECKING:
    from vivi.experiment import Experiment
    from vivi.presets import Preset
    from vivi.sweep import Sweep, SweepStep


@contextmanager
def training_progress(experiment: "Experiment") -> Iterator[Callable[[dict[str, float]], None]]:
    """A bar for `vivi.training.loop.pretrain`."""
    from vivi.training.board import has_tensorboard

    if not has_tensorboard():
        Console(stderr=True).print(
            'TensorBoard is not installed: metrics.jsonl only (pip install "vivi\\[tensorboard]")'
        )
    with Bar(experiment.name, unit="steps") as bar:

        def show(line: dict[str, float]) -> None:
            bar.update(int(line["step"]), total=experiment.schedule.steps, text=training_text(line))

        yield show


@contextmanager
def silence() -> Iterator[Callable[[dict[str, float]], None]]:
    """In the place of `training_progress` on all ranks but the first."""
    yield lambda _: None


def training_text(line: Mapping[str, float]) -> str:
    """One line of metrics for the eye: loss and its parts, speed, waiting, collapse monitors, kNN."""
    if "loss" not in line:
        return f"going on from step {int(line['step'])}"
    parts = [f"{name.split('/')[1]} {value:.3f}" for name, value in line.items() if "/" in name]
    knn = [f"kNN {line['knn']:.1%}"] if "knn" in line else []
    speed = f"{line['frames_per_second']:.0f} frames/s, data wait {line['data_wait']:.0%}"
    spread = f"std {line['feature_std']:.2f}, rank {line['effective_rank']:.1f}"
    return ", ".join([f"loss {line['loss']:.3f} ({', '.join(parts)})", speed, spread, *knn])


def show_presets(presets: Mapping[str, "Preset"], *, json: bool = False) -> None:
    """A table of all presets."""
    if json:
        lines = [
            {"name": name, "about": preset.about, "where": preset.where, "step": _step_size(preset.build())}
            for name, preset in presets.items()
        ]
        print(as_text(lines, indent=1))
        return
    table = Table("preset", "N x K x L", "what it learns from", "in the paper", box=None)
    for name, preset in presets.items():
        table.add_row(cell(name), _step_size(preset.build()), cell(preset.about), preset.where)
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
    print(as_text(dump(experiment), indent=2))
    Console(stderr=True).print(f"fingerprint {fingerprint(experiment)}", highlight=False)


def show_run(run: RunFolder, *, was_done: bool = False) -> None:
    """The last line of metrics, where the report and the encoder are, and what to do next, to be copied."""
    lines = run.read_metrics()
    if lines:
        plain(f"step {int(lines[-1]['step'])}: {training_text(lines[-1])}")
    if was_done:
        plain("This run was complete already: nothing was left to do.")
    plain(f"The report: {(run.path / 'report.html').resolve()}")
    encoder = quote(str(run.encoder))
    plain(f"On labelled images: vivi evaluate {encoder} --data IMAGES --out scores.json")
    plain(f"In Python: encoder = vivi.load_encoder({as_text(str(run.encoder), ensure_ascii=False)})")
    plain(f"For timm, ONNX or a model hub: vivi export {encoder} --to timm|onnx|hf --out FOLDER")
    plain(f"{run.encoder}")


def show_explained(experiment: "Experiment") -> None:
    """Every value of a preset with whose it is, and how many there are of each; in a pipe, a value is one line."""
    from vivi.presets.origins import ABBREVIATIONS
    from vivi.presets.provenance import explained

    values = explained(experiment)
    if console().is_terminal:
        table = Table("value of --set", "", "from", "why", title=cell(experiment.name))
        for each in values:
            table.add_row(cell(each.path), cell(each.value), each.whose, cell(each.note))
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
    with Bar(f"{experiment.name}, sweep", unit="steps") as bar:

        def show(now: "SweepStep") -> None:
            steps = experiment.schedule.steps
            done = (now.run - 1) * steps + (int(now.line["step"]) if now.line else steps)
            text = training_text(now.line) if now.line else f"scoring, {now.images[0]} of {now.images[1]} images"
            bar.update(done, total=now.runs * steps, text=f"{now.name}: {text}")

        yield show


def show_sweep(result: "Sweep", *, out: Path, json: bool = False) -> None:
    """The runs from the best to the worst, and how far the first can be told from the second; or OUT/sweep.json."""
    from vivi.sweep import RESULT

    if json:
        print(as_text(read_json(out / RESULT), indent=1))
        return
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

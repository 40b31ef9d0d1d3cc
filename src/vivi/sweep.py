"""Choosing lambda and gamma: one pretraining run for each combination, judged on images that decide nothing else.

The paper tries at most four values of each weight (section 4) and says neither which nor by what it chooses. Values,
images and probe are ours.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import fingerprint
from vivi.core.errors import ConfigError, ViviError
from vivi.core.files import TEMPORARY, locked, read_json, remove_temporaries, write_json
from vivi.data.selection import SUFFIX, Selection
from vivi.experiment import Experiment, Level
from vivi.objectives.base import ObjectiveConfig
from vivi.objectives.infonce import InfoNCE
from vivi.objectives.shot_order import ShotOrder
from vivi.objectives.supervised import Supervised
from vivi.training.inputs import Inputs
from vivi.training.loop import RunOptions, pretrain
from vivi.transfer.quick import evaluate
from vivi.transfer.scores import Score

FORMAT, VERSION = "vivi-sweep", 1
RESULT = "sweep.json"
MOST = 4
"""Values of a weight at most (paper, section 4)."""
FACTORS: dict[type[ObjectiveConfig], tuple[float, ...]] = {InfoNCE: (0.5, 1, 2, 4), ShotOrder: (1, 5)}
"""Default values of lambda by what it weighs, as multiples of the experiment's own."""
LAMBDA, GAMMA = "lambda", "gamma"
PROBE = "logistic"
"""The probe that decides: linear, on frozen features."""


@dataclass(frozen=True, slots=True)
class SweepStep:
    """How far a sweep is."""

    run: int
    """Number of the run, from 1."""
    runs: int
    name: str
    """Such as "lambda=0.04"."""
    line: Mapping[str, float] | None = None
    """A line of the run's log; None while its encoder is judged."""
    images: tuple[int, int] = (0, 0)
    """Images that the encoder has seen, and all of them."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination and what its encoder is worth on the validation images."""

    name: str
    weights: dict[str, float]
    run: Path
    results: tuple[Score, ...]

    @property
    def encoder(self) -> Path:
        """The encoder folder."""
        return self.run / "encoder"

    @property
    def linear(self) -> Score:
        """The linear probe, which decides."""
        return self._score(PROBE, "trained")

    @property
    def knn(self) -> Score:
        """The nearest neighbours, beside it."""
        return self._score("knn", "trained")

    @property
    def random(self) -> Score:
        """The linear probe on the same network with random weights."""
        return self._score(PROBE, "random")

    def _score(self, probe: str, weights: str) -> Score:
        return next(each for each in self.results if (each.probe, each.weights) == (probe, weights))


@dataclass(frozen=True, slots=True)
class Sweep:
    """All runs of a sweep, the best first."""

    trials: tuple[Trial, ...]

    @property
    def rivals(self) -> tuple[Trial, ...]:
        """Those whose interval overlaps that of the best: they cannot be told from it by these images."""
        best, *others = self.trials
        return tuple(each for each in others if each.linear.interval[1] >= best.linear.interval[0])

    @property
    def verdict(self) -> str:
        """What the numbers allow to say."""
        best, *others = self.trials
        if not others:
            text = f"{best.name}: a single run, nothing to compare it with."
        elif self.rivals:
            names = ", ".join(each.name for each in self.rivals)
            place = "is ahead" if best.linear.accuracy > self.rivals[0].linear.accuracy else "is equal to the next"
            text = f"Not distinguishable: {best.name} {place}, and its interval overlaps that of {names}."
        else:
            text = f"{best.name} is best: its interval lies above those of all others."
        if best.linear.interval[1] < best.random.interval[0]:
            text += f" It is worse than random weights ({best.random.accuracy:.1%})."
        elif best.linear.interval[0] <= best.random.interval[1]:
            text += f" It cannot be told from random weights either ({best.random.accuracy:.1%})."
        return text


def sweep(
    experiment: Experiment,
    *,
    lambdas: Sequence[float] = (),
    gammas: Sequence[float] = (),
    data: Path | None,
    labels: Path | None,
    label_list: Path | None,
    out: Path,
    score: Path,
    options: RunOptions,
    progress: Callable[[SweepStep], None],
) -> Sweep:
    """Pretrain with every combination of lambda and gamma in a folder of its own, and compare the encoders.

    Interrupted, the same call goes on; with more values it runs just the new ones. The result is in OUT/sweep.json.

    Args:
        experiment: what to run; its own weights are replaced.
        lambdas: weights of all video levels; none: multiples of the experiment's own, see `FACTORS`.
        gammas: weights of the supervised image levels, the L_SUP of the paper; what else is learned from images keeps
            its own weight. None: the experiment's own.
        data: a shot store, or a folder of images for a method that learns from single images.
        labels: labelled images, for a method with image levels.
        label_list: names of the labelled images to use.
        out: the folder of the sweep; OUT/lambda=0.04,gamma=1 is a run folder.
        score: labelled images; a quarter of their training part decides, see `Selection`.
        options: devices, pace of logs and checkpoints.
        progress: called with each line of a run's log, and while an encoder is judged.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came while a run was training; its state is saved.
        ViviError: anything the user can mend; the text names the flag or the file.
    """
    grid = combinations(experiment, lambdas=lambdas, gammas=gammas)
    inputs = Inputs.open(experiment, data=data, labels=labels, label_list=label_list)
    inputs.check(world=options.world, workers=options.workers)
    selection = Selection.open(score, learned=inputs.labelled)
    _check_folder(out)
    trials = []
    with locked(out):
        remove_temporaries(out)
        links = selection.link(out / selection.name)
        for number, weights in enumerate(grid, start=1):
            step = SweepStep(number, len(grid), _name(weights))
            run = pretrain(
                _weighted(experiment, weights),
                data=data,
                labels=labels,
                label_list=label_list,
                out=out / step.name,
                options=options,
                progress=_lines(step, progress),
            )
            results = _judged(run.path, links, selection=selection, options=options, progress=_images(step, progress))
            trials.append(Trial(step.name, weights, run.path, results))
        found = Sweep(tuple(sorted(trials, key=lambda trial: -trial.linear.accuracy)))
        write_json(out / RESULT, _record(found, experiment=experiment, selection=selection))
    return found


def combinations(
    experiment: Experiment, *, lambdas: Sequence[float], gammas: Sequence[float]
) -> list[dict[str, float]]:
    """The combinations, as weights by name; a name is there where the experiment has something to weigh.

    Raises:
        ConfigError: nothing to weigh, or values that are too many, repeated or illegal; the text names the flag.
    """
    video, image = experiment.video_levels, _supervised(experiment) if experiment.uses_videos else ()
    if lambdas and not video:
        raise ConfigError(f"--lambda: {experiment.name} has no video level for it to weigh; leave it out")
    if gammas and not image:
        lone = "learns from labels alone" if experiment.image_levels else "has no labelled images"
        raise ConfigError(f"--gamma: {experiment.name} {lone}, there is nothing to balance; leave it out")
    if not video and not image:
        raise ConfigError(f"{experiment.name} has neither lambda nor gamma: nothing to sweep, use `vivi pretrain`")
    axes = {}
    if video:
        axes[LAMBDA] = _checked(LAMBDA, lambdas) or _around(video[0])
    if image:
        axes[GAMMA] = _checked(GAMMA, gammas) or (image[0].weight,)
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _checked(flag: str, values: Sequence[float]) -> tuple[float, ...]:
    if len(values) > MOST:
        raise ConfigError(f"--{flag}: at most {MOST} values, as in the paper; got {len(values)}")
    for number, value in enumerate(values):
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"--{flag} {value:g}: must be a number and not negative")
        if f"{value:.12g}" in [f"{each:.12g}" for each in values[:number]]:
            raise ConfigError(f"--{flag} {value:g} is given twice")
    return tuple(map(float, values))


def _around(level: Level) -> tuple[float, ...]:
    factors = FACTORS.get(type(level.objective), (1.0,))
    return tuple(dict.fromkeys(level.weight * factor for factor in factors))


def _weighted(experiment: Experiment, weights: Mapping[str, float]) -> Experiment:
    """The experiment with other weights. Its name stays: what the paper calls so has weights that were chosen thus."""

    def replaced(levels: tuple[Level, ...], name: str, *, among: tuple[Level, ...]) -> tuple[Level, ...]:
        value = weights.get(name)
        return tuple(
            level if value is None or level not in among else dataclasses.replace(level, weight=value)
            for level in levels
        )

    video, image = experiment.video_levels, experiment.image_levels
    return dataclasses.replace(
        experiment,
        video_levels=replaced(video, LAMBDA, among=video),
        image_levels=replaced(image, GAMMA, among=_supervised(experiment)),
    )


def _supervised(experiment: Experiment) -> tuple[Level, ...]:
    """The image levels that gamma weighs."""
    return tuple(level for level in experiment.image_levels if isinstance(level.objective, Supervised))


def _name(weights: Mapping[str, float]) -> str:
    return ",".join(f"{name}={value:.12g}" for name, value in weights.items())


def _check_folder(out: Path) -> None:
    """Refuse a folder with something else in it."""
    starts, ends = (f"{LAMBDA}=", f"{GAMMA}=", TEMPORARY, ".lock", RESULT), (SUFFIX,)
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if not path.name.startswith(starts) and not path.name.endswith(ends):
            raise ViviError(f"{out} is not empty and not a sweep (it holds {path.name!r}): choose another --out")


def _judged(
    run: Path, links: Path, *, selection: Selection, options: RunOptions, progress: Callable[[int, int], None]
) -> tuple[Score, ...]:
    """The results of the quick evaluation on the validation images; read back where they were found before."""
    file = run / f"selection-scores-{selection.digest}.json"
    if not file.exists():
        evaluate(run / "encoder", data=links, out=file, device=options.world.device, progress=progress)
    try:
        return tuple(Score(**{**each, "interval": tuple(each["interval"])}) for each in read_json(file)["results"])
    except (KeyError, TypeError) as error:
        raise ViviError(f"{file} is damaged ({type(error).__name__}: {error}): delete it and go on") from error


def _lines(step: SweepStep, progress: Callable[[SweepStep], None]) -> Callable[[dict[str, float]], None]:
    return lambda line: progress(dataclasses.replace(step, line=line))


def _images(step: SweepStep, progress: Callable[[SweepStep], None]) -> Callable[[int, int], None]:
    return lambda done, total: progress(dataclasses.replace(step, images=(done, total)))


def _record(found: Sweep, *, experiment: Experiment, selection: Selection) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": experiment.name,
        "probe": PROBE,
        "data": selection.described(),
        "verdict": found.verdict,
        "rivals": [each.name for each in found.rivals],
        "runs": [
            {
                "name": trial.name,
                "weights": trial.weights,
                "fingerprint": fingerprint(_weighted(experiment, trial.weights)),
                "linear": dataclasses.asdict(trial.linear),
                "knn": dataclasses.asdict(trial.knn),
                "random": dataclasses.asdict(trial.random),
            }
            for trial in found.trials
        ],
    }

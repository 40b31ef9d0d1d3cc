"""Run folders as the report sees them: name, settings, chance levels and curves."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.files import TEMPORARY, read_json
from vivi.core.rundir import FORMAT, VERSION, RunFolder
from vivi.report.names import Label, path_marks, tell_apart, written
from vivi.report.results_files import find_results
from vivi.report.scores import is_scores

_LAST_STEP = 2**53
"""Steps from here on are no steps of a run."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A logged value over the steps; values that are not finite are left out."""

    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One pretraining run."""

    path: Path
    name: str
    settings: dict[str, Any]
    """The dumped experiment."""
    chance: dict[str, float]
    """The value of each loss part for a network that knows nothing, where it was written down."""
    lines: tuple[Mapping[str, float], ...]
    """The log, in the order of the steps."""
    done: bool
    spectrum: tuple[float, ...] = ()
    """Shares of the variance of the features along their principal axes, the largest first, when last looked at."""

    @property
    def loss_parts(self) -> tuple[str, ...]:
        """Names of the loss parts, such as "frame/exemplar"."""
        return tuple(dict.fromkeys(key for line in self.lines for key in line if "/" in key))

    def curve(self, key: str) -> Curve:
        """The logged values of one key."""
        lines = [line for line in self.lines if math.isfinite(line.get(key, math.nan))]
        return Curve(steps=tuple(int(line["step"]) for line in lines), values=tuple(float(line[key]) for line in lines))

    def last(self, key: str) -> float:
        """The last logged value of a key; 0 if there is none."""
        return next((line[key] for line in reversed(self.lines) if key in line), 0)

    def median(self, key: str) -> float:
        """The median of the logged values of a key; 0 if there is none."""
        values = self.curve(key).values
        return statistics.median(values) if values else 0.0


def read_run(path: Path) -> Run:
    """Read a run folder.

    Raises:
        ViviError: it is not a run folder, or its log is damaged.
    """
    folder = RunFolder(path)
    if not folder.experiment.is_file():
        raise ViviError(f"{path} is not a run folder (it has no experiment.json): give the --out of a `vivi pretrain`")
    record = read_json(folder.experiment)
    if (record.get("format"), record.get("version")) != (FORMAT, VERSION):
        raise ViviError(f"{path} is not a run folder of this version of vivi (version {VERSION})")
    try:
        lines = _log(folder.metrics)
        settings = dict(record["experiment"])
        return Run(
            path=path, name=str(settings["name"]), settings=settings, lines=lines, done=folder.done.exists(),
            spectrum=_spectrum(folder),
            chance={str(part): float(value) for part, value in record.get("chance", {}).items()},
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ViviError(f"{path}: the run's files are damaged ({type(error).__name__}: {error})") from error


def _log(metrics: Path) -> tuple[Mapping[str, float], ...]:
    """The whole lines of a log; one that a run has begun to write is left out.

    Raises:
        ViviError: a line is damaged; the text names it.
    """
    lines = metrics.read_bytes().split(b"\n")[:-1] if metrics.is_file() else []
    return tuple(_line(line, where=f"{metrics}, line {number}") for number, line in enumerate(lines, start=1))


def _line(text: bytes, *, where: str) -> Mapping[str, float]:
    try:
        line = json.loads(text)
        numbers = [float(value) for value in line.values() if isinstance(value, int | float)]
        sound = len(numbers) == len(line) and 0 <= int(line["step"]) <= _LAST_STEP
    except (ValueError, OverflowError, AttributeError, KeyError, RecursionError):
        sound = False
    if not sound:
        raise ViviError(f"{where} is damaged: an object of numbers with a step was expected; remove this line")
    return {str(key): value for key, value in line.items()}


def _spectrum(folder: RunFolder) -> tuple[float, ...]:
    return tuple(map(float, read_json(folder.spectrum)["shares"])) if folder.spectrum.is_file() else ()


def run_names(runs: Sequence[Run]) -> tuple[str, ...]:
    """What to call each run: its name, and what its path has for itself if it shares the name."""
    labels: list[Label] = [(run.name,) for run in runs]
    marks = path_marks(labels, paths=[str(run.path.resolve()) for run in runs])
    return tuple(written(label) for label in tell_apart(labels, by=marks))


def collect(folders: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The run folders and the score files at or below the given folders, each once, in the order given.

    A file that is given is taken for a score file. In a folder, runs are the folders with an experiment.json at any
    depth; score files are *scores*.json at any depth and, directly in it, every *.json that says it holds scores.
    Results of the tasks and of `vivi robust` are passed over, see `find_results`.

    Raises:
        ViviError: a folder does not exist or holds neither, nor results.
    """
    runs: list[Path] = []
    scores: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise ViviError(f"{folder} does not exist: give run folders, score files or folders that hold them")
        found_runs = sorted(path.parent for path in folder.rglob("experiment.json")) if folder.is_dir() else []
        results = find_results(folder)
        found_scores = [folder] * (not results) if folder.is_file() else _score_files(folder)
        if not found_runs and not found_scores and not results:
            if (folder / "store.json").is_file():
                raise ViviError(f"{folder} is a store of shots: give it as --store {folder}")
            raise ViviError(
                f"{folder} holds no run and no score file: nothing to report. Looked for were experiment.json and "
                "*scores*.json at any depth, and directly in it any *.json that `vivi evaluate ... --out` wrote; and "
                "results.json and *robust*.json"
            )
        runs += found_runs
        scores += found_scores
    return tuple(dict.fromkeys(runs)), tuple(dict.fromkeys(scores))


def _score_files(folder: Path) -> list[Path]:
    """Score files by their name at any depth, and by what they say of themselves directly in the folder."""
    found = {*folder.rglob("*scores*.json"), *filter(is_scores, folder.glob("*.json"))}
    return sorted(path for path in found if not path.name.startswith(TEMPORARY))

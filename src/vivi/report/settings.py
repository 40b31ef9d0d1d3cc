"""The values of a run's experiment: whose each of them is, and in which of them several runs differ."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vivi.core.config import load
from vivi.core.errors import ConfigError
from vivi.experiment import Experiment
from vivi.presets.origins import Whose
from vivi.presets.provenance import Explained, explained
from vivi.report.runs import Run

WORDS: dict[Whose, str] = {
    "paper": "the paper's",
    "ancestor": "of the code it builds on",
    "inferred": "inferred",
    "ours": "ours",
    "unused": "without effect here",
    "yours": "changed by you",
}
"""What the six kinds of origin are called."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every value of one run with where it comes from."""

    values: tuple[Explained, ...]
    counts: dict[str, int]
    """How many values there are of each kind, in words; kinds without any are left out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that is not the same in all runs."""

    path: str
    values: tuple[str, ...]
    """One for each run; empty where the run has no such value."""


def explained_settings(run: Run) -> Settings | None:
    """Whose the values of a run are; None where that is not known.

    It is not known of an experiment that is no preset, nor of one that another version has written.
    """
    try:
        values = explained(load(run.settings, Experiment))
    except ConfigError:
        return None
    counts = Counter(each.whose for each in values)
    return Settings(values=values, counts={words: counts[whose] for whose, words in WORDS.items() if counts[whose]})


def differences_of(runs: Sequence[Run]) -> tuple[Difference, ...]:
    """Where runs differ, apart from their names, in the order of the first one's values."""
    flat = [dict(_flat(run.settings)) for run in runs]
    paths = dict.fromkeys(path for each in flat for path in each if path != "name")
    rows = (Difference(path, tuple(each.get(path, "") for each in flat)) for path in paths)
    return tuple(row for row in rows if len(set(row.values)) > 1)


def _flat(value: Any, path: str = "") -> list[tuple[str, str]]:
    """The leaves of JSON values by their paths; an empty list or object is a leaf."""
    if isinstance(value, dict) and value:
        inner = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list) and value:
        inner = [(str(number), each) for number, each in enumerate(value)]
    else:
        return [(path, str(value))]
    return [leaf for key, each in inner for leaf in _flat(each, f"{path}.{key}" if path else key)]

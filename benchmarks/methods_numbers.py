"""The arithmetic of the table of methods: intervals over seeds, pooled binomial intervals, paired differences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from scipy.special import stdtrit

from vivi.probe import clopper_pearson

ALPHA = 0.05
Key = tuple[int, str]
"""A seed and a task."""


@dataclass(frozen=True)
class Interval:
    """A mean and how far the 95 % interval reaches to either side; infinitely far with a single value."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half


@dataclass(frozen=True)
class Tally:
    """How many test images of one task one encoder named rightly."""

    correct: int
    total: int

    @property
    def percent(self) -> float:
        """Accuracy in percent."""
        return 100 * self.correct / self.total


@dataclass(frozen=True)
class Difference:
    """One method less another, in points of accuracy."""

    over_seeds: Interval
    """Of the seeds' differences, each the mean over the tasks."""
    over_all: Interval
    """Of the differences of all seeds and tasks."""
    of_task: Mapping[str, Interval]
    """Over the seeds, for each task."""

    @property
    def verdict(self) -> str:
        """Whether the expectation that the first method is better holds: judged by the interval over the seeds."""
        if self.over_seeds.low > 0:
            return "holds"
        return "does not hold" if self.over_seeds.high < 0 else "not distinguishable"


def t_interval(values: Sequence[float]) -> Interval:
    """The mean and Student's 95 % interval of values that are independent of one another.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    if len(values) == 1:
        return Interval(mean(values), math.inf)
    factor = float(stdtrit(len(values) - 1, 1 - ALPHA / 2))
    return Interval(mean(values), factor * stdev(values) / math.sqrt(len(values)))


def pooled(tallies: Sequence[Tally]) -> tuple[float, float]:
    """The exact binomial 95 % interval of all answers taken together, in percent.

    Raises:
        ValueError: there is no answer.
    """
    low, high = clopper_pearson(sum(each.correct for each in tallies), total=sum(each.total for each in tallies))
    return 100 * low, 100 * high


def paired(better: Mapping[Key, float], worse: Mapping[Key, float]) -> Difference:
    """The difference of two methods that were run with the same seeds and judged on the same tasks.

    Args:
        better: accuracy by seed and task, in percent, of the method that is expected to be better.
        worse: of the other.

    Raises:
        ValueError: the seeds or tasks differ, or a seed lacks a task.
    """
    seeds, tasks = sorted({seed for seed, _ in better}), sorted({task for _, task in better})
    wanted = {(seed, task) for seed in seeds for task in tasks}
    if set(better) != wanted or set(worse) != wanted:
        raise ValueError("both methods need the same seeds and tasks, and each seed all tasks")
    found = {key: better[key] - worse[key] for key in sorted(wanted)}
    return Difference(
        over_seeds=t_interval([mean(found[seed, task] for task in tasks) for seed in seeds]),
        over_all=t_interval(list(found.values())),
        of_task={task: t_interval([found[seed, task] for seed in seeds]) for task in tasks},
    )

"""What changed between repeats of one thing and repeats of another: Student's t on their differences."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

CONFIDENCE = 0.95
Repeats = Mapping[str, float]
"""Values in [0, 1] by what tells the repeats apart; those of the same name belong together."""


@dataclass(frozen=True, slots=True)
class Change:
    """From A to B, as shares; positive where B is better."""

    value: float
    """Difference of the medians."""
    interval: tuple[float, float] | None
    """95 %, around the mean of the differences of the repeats; None with fewer than two, or where they do not pair."""
    pairs: int
    """Repeats that were paired."""

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


def numbered(repeats: Sequence[float]) -> Repeats:
    """Repeats by their numbers."""
    return {str(number): value for number, value in enumerate(repeats)}


def change(before: Repeats, after: Repeats) -> Change:
    """What changed on one task; repeats pair only if both sides have the same."""
    differences = [after[name] - before[name] for name in before] if set(before) == set(after) else []
    value = statistics.median(after.values()) - statistics.median(before.values())
    return Change(value=value, interval=student_t(differences), pairs=len(differences))


def mean_change(tasks: Sequence[tuple[Repeats, Repeats]]) -> Change:
    """What changed in the mean over tasks: of the medians, and for each repeat the mean over the tasks."""
    each = [change(before, after) for before, after in tasks]
    names = {frozenset(repeats) for pair in tasks for repeats in pair}
    paired = sorted(names.pop()) if len(names) == 1 else []
    means = [statistics.fmean(after[name] - before[name] for before, after in tasks) for name in paired]
    value = statistics.fmean(one.value for one in each)
    return Change(value=value, interval=student_t(means), pairs=len(means))


def student_t(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean of values that are taken for normal; None for fewer than two."""
    if len(values) < 2:
        return None
    quantile = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2))
    half = quantile * statistics.stdev(values) / len(values) ** 0.5
    mean = statistics.fmean(values)
    return mean - half, mean + half

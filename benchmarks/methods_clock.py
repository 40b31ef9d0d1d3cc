"""How long the rest of a study takes, guessed from the runs that have ended."""

import time
from collections import defaultdict
from collections.abc import Iterable
from statistics import mean


class Clock:
    """Learns the seconds of each row, and for rows that have not ended yet the seconds per unit of work.

    Args:
        work: of each row, in any unit.
        jobs: runs at a time.
    """

    def __init__(self, work: dict[str, float], *, jobs: int) -> None:
        self._work, self._jobs = work, jobs
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._begun: dict[tuple[str, int], float] = {}

    def begin(self, row: str, seed: int) -> None:
        """A run starts."""
        self._begun[row, seed] = time.monotonic()

    def end(self, row: str, seed: int) -> float:
        """A run has ended; returns its seconds."""
        seconds = time.monotonic() - self._begun.pop((row, seed))
        self._seconds[row].append(seconds)
        return seconds

    def left(self, waiting: Iterable[str]) -> float:
        """Seconds until the rows of `waiting` and the runs that are under way have ended; 0 as long as none has."""
        under_way = sum(max(0.0, self._expected(row) - self._since(row, seed)) for row, seed in self._begun)
        return (under_way + sum(map(self._expected, waiting))) / self._jobs

    def _since(self, row: str, seed: int) -> float:
        return time.monotonic() - self._begun[row, seed]

    def _expected(self, row: str) -> float:
        if row in self._seconds:
            return mean(self._seconds[row])
        done = sum(self._work[each] * len(seconds) for each, seconds in self._seconds.items())
        return self._work[row] * sum(map(sum, self._seconds.values())) / done if done else 0.0

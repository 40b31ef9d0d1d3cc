"""Which video is done next: the longest of those that the store takes next.

A store is packed in the order of its videos' names, and what is done waits on the disk until all before it are packed.
So only a stretch of the listing is open at any time, from the first video that is not packed on. Within it the largest
files are begun first, which leaves no core idle at the end for the sake of one long video.
"""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from vivi.video.listing import Candidate


@dataclass(slots=True)
class _Entry:
    candidate: Candidate
    is_given: bool
    is_done: bool


class Backlog:
    """The candidates that are not packed yet, of which a stretch is in memory."""

    def __init__(self, candidates: Iterator[Candidate], *, done: set[str], length: int) -> None:
        """Open the first stretch.

        Args:
            candidates: in the order of packing.
            done: keys of those that wait to be packed already.
            length: of the stretch.
        """
        self._candidates = candidates
        self._done = done
        self._length = length
        self._open: dict[str, _Entry] = {}
        self._largest: list[tuple[int, int, str]] = []
        self._number = 0
        self.is_all_open = False
        """Whether no candidate follows the open stretch."""
        self._fill()

    def take(self) -> Candidate | None:
        """The largest open candidate that is not done or taken; None if there is none."""
        while self._largest:
            entry = self._open.get(heapq.heappop(self._largest)[2])
            if entry is not None and not entry.is_given:
                entry.is_given = True
                return entry.candidate
        return None

    def take_next(self, *, within: int) -> Candidate | None:
        """The first of the `within` candidates that are packed next that is not done or taken; None if all are."""
        for entry in itertools.islice(self._open.values(), within):
            if not entry.is_given:
                entry.is_given = True
                return entry.candidate
        return None

    def set_done(self, key: str) -> None:
        """Take note that a candidate waits to be packed."""
        self._open[key].is_done = True

    def pop_done(self) -> Iterator[Candidate]:
        """Those that can be packed now, in order; the stretch moves on."""
        while (entry := next(iter(self._open.values()), None)) is not None and entry.is_done:
            del self._open[entry.candidate.key]
            self._fill()
            yield entry.candidate

    def _fill(self) -> None:
        while len(self._open) < self._length and not self.is_all_open:
            candidate = next(self._candidates, None)
            if candidate is None:
                self.is_all_open = True
                return
            key = candidate.key
            is_done = key in self._done
            self._done.discard(key)
            self._open[key] = _Entry(candidate, is_given=is_done, is_done=is_done)
            if not is_done:
                heapq.heappush(self._largest, (-candidate.bytes, self._number, key))
            self._number += 1

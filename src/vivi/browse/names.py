"""The names of all videos, searched in memory; what was found is remembered for the pages that follow."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LONGEST = 200
"""Characters of a search that are looked at."""
_REMEMBERED = 64


class Names:
    """Which videos have some words in their names, in one of several orders.

    Args:
        paths: of the videos, in the order of their numbers.
        measures: by the name of an order, one number a video: those with the largest come first.
    """

    def __init__(self, paths: Iterable[str], *, measures: Mapping[str, NDArray[np.int64]]) -> None:
        self.paths: tuple[str, ...] = tuple(paths)
        folded = [path.casefold() for path in self.paths]
        self._text = "\n".join(folded)
        self._starts: list[int] = np.cumsum([0, *(len(each) + 1 for each in folded)]).tolist()
        self._measures = dict(measures)
        self._search = lru_cache(maxsize=_REMEMBERED)(self._found)
        self._videos_in = lru_cache(maxsize=_REMEMBERED)(self._containing)

    def search(self, words: str, *, order: str = "") -> NDArray[np.int64]:
        """Numbers of the videos whose names have every one of the words, whatever their case.

        Args:
            words: separated by blanks; none finds all videos.
            order: a name of `measures`; any other text gives the order of the store.
        """
        return self._search(tuple(words[:LONGEST].casefold().split()), order)

    def _found(self, words: tuple[str, ...], order: str) -> NDArray[np.int64]:
        found = np.arange(len(self.paths))
        for word in words:
            found = np.intersect1d(found, self._videos_in(word), assume_unique=True)
        if (measure := self._measures.get(order)) is not None:
            found = found[np.argsort(-measure[found], kind="stable")]
        return found

    def _containing(self, word: str) -> NDArray[np.int64]:
        found = []
        at = self._text.find(word)
        while at >= 0:
            video = bisect_right(self._starts, at) - 1
            found.append(video)
            at = self._text.find(word, self._starts[video + 1])
        return np.array(found, np.int64)

"""The frames most like one, over the videos of a store: exactly, or from an index where there are very many."""

import hashlib
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vivi.browse.vectors import Vectors
from vivi.core.cache import Cache, Held
from vivi.core.errors import ViviError

EXACT = 100_000
"""Frames up to which all are compared."""
_FILE = "frames.usearch"
_ADDED = 8192
"""Frames that are put into the index at a time."""
_FIRST, _LAST = 16, 1024
"""Frames that the index is asked for, for each video that is wanted: at first, and at most."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The frame of a video that is most like what was asked for."""

    video: int
    frame: int
    similarity: float
    """Cosine."""


class Search(Protocol):
    """A way to find frames."""

    @property
    def is_exact(self) -> bool:
        """Whether nothing can be missed."""

    def nearest(self, vector_D: NDArray[np.float32], *, count: int, without: int | None = None) -> list[Hit]:
        """At most `count` videos by their best frame, the most alike first; the video `without` is left out."""


def open_search(
    vectors: Vectors, *, exact: int = EXACT, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Search:
    """The search that suits the number of frames.

    Args:
        vectors: of all frames.
        exact: frames up to which all are compared.
        progress: called with frames that are in the index and all, while it is made.

    Raises:
        ViviError: there are more frames and the extra "search" is not installed.
    """
    return ExactSearch(vectors) if len(vectors.matrix_FD) <= exact else IndexSearch.open(vectors, progress=progress)


class ExactSearch:
    """Compares every frame."""

    is_exact = True

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        counts_V = np.diff(vectors.start_V1)
        self._filled_N = np.flatnonzero(counts_V)
        """Videos with frames."""

    def nearest(self, vector_D: NDArray[np.float32], *, count: int, without: int | None = None) -> list[Hit]:
        """See `Search`."""
        if not len(self._filled_N):
            return []
        similar_F = self._vectors.matrix_FD @ vector_D
        start_V1 = self._vectors.start_V1
        best_N = np.maximum.reduceat(similar_F, start_V1[self._filled_N])
        ranked = np.argsort(-best_N, kind="stable")[: count + 1]
        videos = [int(video) for video in self._filled_N[ranked] if video != without][:count]
        frames = [int(np.argmax(similar_F[start_V1[video] : start_V1[video + 1]])) for video in videos]
        return [
            Hit(video=video, frame=frame, similarity=float(similar_F[start_V1[video] + frame]))
            for video, frame in zip(videos, frames, strict=True)
        ]


class IndexSearch:
    """Asks an approximate index, a hierarchical graph of half-precision vectors (usearch), kept in the cache."""

    is_exact = False

    def __init__(self, vectors: Vectors, *, index: Any, held: Held) -> None:
        """Use `IndexSearch.open`."""
        self._vectors, self._index = vectors, index
        weakref.finalize(self, held.release)

    @classmethod
    def open(cls, vectors: Vectors, *, progress: Callable[[int, int], None]) -> "IndexSearch":
        """From the cache, or made now; `progress` is called with frames done and in all.

        Raises:
            ViviError: the extra "search" is not installed, or the cache cannot be written.
        """
        library = _usearch()

        def make(folder: Path) -> None:
            index = library.Index(ndim=vectors.matrix_FD.shape[1], metric="ip", dtype="f16")
            total = len(vectors.matrix_FD)
            for first in range(0, total, _ADDED):
                rows = np.ascontiguousarray(vectors.matrix_FD[first : first + _ADDED])
                index.add(np.arange(first, first + len(rows), dtype=np.uint64), rows)
                progress(first + len(rows), total)
            index.save(str(folder / _FILE))

        key = hashlib.sha256(f"{vectors.key}/usearch {library.__name__}".encode()).hexdigest()
        held = Cache.open().hold(f"{key}.index", make=make)
        return cls(vectors, index=library.Index.restore(str(held.path / _FILE), view=True), held=held)

    def nearest(self, vector_D: NDArray[np.float32], *, count: int, without: int | None = None) -> list[Hit]:
        """See `Search`."""
        start_V1, total = self._vectors.start_V1, len(self._vectors.matrix_FD)
        asked, hits = _FIRST * count, dict[int, Hit]()
        while True:
            rows = np.sort(np.asarray(self._index.search(vector_D, min(asked, total)).keys, np.int64))
            similar = self._vectors.matrix_FD[rows] @ vector_D
            hits = {}
            for at in np.argsort(-similar, kind="stable"):
                video = int(np.searchsorted(start_V1, rows[at], side="right")) - 1
                if video != without and video not in hits:
                    hits[video] = Hit(video, int(rows[at] - start_V1[video]), float(similar[at]))
            if len(hits) >= count or asked >= min(total, _LAST * count):
                return list(hits.values())[:count]
            asked *= 4


def _usearch() -> Any:
    try:
        from usearch import index
    except ImportError as error:
        raise ViviError(
            f"more than {EXACT} frames are searched with usearch, which is not installed: pip install 'vivi[search]'"
        ) from error
    return index

"""Previews of shots: their stored frames as a film, some of them kept in memory."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vivi.browse.library import Library
from vivi.video import preview

SLOWEST = 4
"""Frames a second: stored frames are often a second apart, a person need not wait for them."""
_FASTEST = 25
MOST = 300
"""Frames of a preview; of longer shots every second, third, ... frame is taken."""
_REMEMBERED = 24
_KINDS = {"mp4": ("video/mp4", preview.mp4), "webp": ("image/webp", preview.webp)}


class Previews:
    """Films of runs of stored frames."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.rate: int = min(max(SLOWEST, round(library.store.info.fps)), _FASTEST)
        """Frames a second."""
        self.kind: str = "mp4" if preview.has_h264() else "webp"
        """The one that pages show."""
        self.film = lru_cache(maxsize=_REMEMBERED)(self._made)

    def _made(self, video: int, first: int, count: int, kind: str) -> tuple[bytes, str]:
        """A film and its media type.

        Args:
            video: its number.
            first: number of its first frame.
            count: frames, at least 1.
            kind: "mp4" or "webp".

        Raises:
            KeyError: no such kind.
            IndexError: there are no such frames.
            StoreError: a frame is damaged.
        """
        media_type, encode = _KINDS[kind]
        if count < 1 or first + count > self._library.store.num_frames(video):
            raise IndexError(f"video {video} has no {count} frames from {first} on")
        return encode(self._pictures(video, first, count), rate=self.rate), media_type

    def _pictures(self, video: int, first: int, count: int) -> Iterator[NDArray[np.uint8]]:
        for frame in range(first, first + count, -(-count // MOST)):
            yield self._library.pixels(video, frame)

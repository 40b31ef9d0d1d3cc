"""Cuts of a video as a person sees and moves them: the distances of its stored frames, a threshold, times."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import simplejpeg

from vivi.core.config import load
from vivi.core.errors import ConfigError, StoreError
from vivi.data.store import ShotStore
from vivi.video.shots import HistogramShots, Signature, first_frames

_READ = 64
"""Frames that are read and decoded at once."""
_THREADS = 4
_REMEMBERED = 512
"""Videos whose distances are kept in memory."""
_DECIMALS = 4


def method_of(settings: Any) -> tuple[HistogramShots, bool]:
    """How the frames of a store are compared, and whether its own shots were found in this way.

    Args:
        settings: of its ingest.
    """
    shots = settings.get("shots") if isinstance(settings, dict) else None
    while isinstance(shots, dict):
        if str(shots.get("class")).endswith(":HistogramShots"):
            try:
                return load(shots, HistogramShots), True
            except ConfigError:
                break
        shots = shots.get("method")
    return HistogramShots(), False


class Distances:
    """How far apart the colours of neighbouring stored frames are: worked out once for each video that is looked at.

    The stored frames are JPEG files, those that an ingest compares are not: a distance may differ in the third decimal.
    """

    def __init__(self, store: ShotStore, method: HistogramShots) -> None:
        self._store, self._method = store, method
        self.of = lru_cache(maxsize=_REMEMBERED)(self._measured)
        """Of a video of N frames, by its number: N - 1 distances, 0 to 1, with four decimals."""

    def _measured(self, video: int) -> tuple[float, ...]:
        count = self._store.num_frames(video)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="distances") as pool:
            parts = pool.map(lambda first: self._signatures(video, first, count), range(0, count, _READ))
            signatures = [signature for part in parts for signature in part]
        return tuple(round(distance, _DECIMALS) for distance in self._method.distances(signatures))

    def _signatures(self, video: int, first: int, count: int) -> list[Signature]:
        frames = self._store.read_frames(video, first=first, count=min(_READ, count - first))
        try:
            return [self._method.signature(simplejpeg.decode_jpeg(jpeg)) for jpeg in frames]
        except ValueError as error:
            name = self._store.video_path(video)
            raise StoreError(f"a frame of {name!r} cannot be decoded ({error}): ingest the videos again") from error


def cuts_over(distances: Sequence[float], *, threshold: float, min_frames: int = 1) -> list[int]:
    """Numbers of the frames that begin a shot, without frame 0, as `HistogramShots.boundaries` finds them.

    Args:
        distances: N - 1 of N frames.
        threshold: a cut lies where a distance is above it.
        min_frames: of the shortest shot.
    """
    found: list[int] = []
    last = len(distances) + 1 - min_frames
    for frame, distance in enumerate(distances, start=1):
        if distance > threshold and (found[-1] if found else 0) + min_frames <= frame <= last:
            found.append(frame)
    return found


@dataclass(frozen=True, slots=True)
class Clock:
    """When the stored frames of a video are seen; a store does not say, the rates of the store and of the file do."""

    fps: float
    """Sampled frames a second."""
    source_fps: float
    """Frames a second of the file."""

    @property
    def rate(self) -> float:
        """Stored frames a second: a file that has fewer than were asked for gives each of its frames once."""
        return min(self.fps, self.source_fps) if self.source_fps > 0 else self.fps

    def seconds(self, frame: int) -> float:
        """When the frame is seen."""
        return frame / self.rate

    def cut(self, frame: int) -> float:
        """The time, in a file of cuts, of a shot that begins with this frame; three decimals.

        Where the file has fewer frames a second than were asked for, its rate is known with three decimals only: the
        middle between two frames is then the time that cannot be taken for another.
        """
        return round((frame if self.rate == self.fps else frame - 0.5) / self.rate, 3)

    def frames(self, cuts: Iterable[float], *, count: int) -> list[int]:
        """Numbers of the frames that begin a shot, of `count` frames in all."""
        return first_frames([self.seconds(frame) for frame in range(count)], cuts=cuts)

"""What the browser shows: an open store, the names of its videos, their shots, frames and distances."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vivi.browse.corrections import Corrections
from vivi.browse.cuts import Clock, Distances, method_of
from vivi.browse.names import Names
from vivi.core.errors import StoreError
from vivi.data.records import Shot
from vivi.data.store import ShotStore
from vivi.data.store.lines import video_lines
from vivi.report.thumbnails import shrunk
from vivi.video.shots import HistogramShots

THUMBNAIL = 90
"""Pixels of the height of a small picture."""
_TOLD = 1000
"""Videos between two words of progress."""
ORDERS = {"": "as in the store", "shots": "most shots", "frames": "longest"}
"""Orders of the list of videos, and what they are called."""


@dataclass(frozen=True, slots=True)
class Video:
    """One video, as its line in the store has it."""

    number: int
    path: str
    about: dict[str, Any]
    """The whole line."""
    frames: int
    """How many are stored."""
    height: int
    """Of the stored frames."""
    width: int
    shots: tuple[Shot, ...]
    clock: Clock

    @property
    def cuts(self) -> list[int]:
        """Numbers of the frames that begin a shot, without the first."""
        return [shot.first for shot in self.shots[1:]]

    @property
    def seconds(self) -> float:
        """Length, as far as the stored frames tell."""
        return self.clock.seconds(self.frames)


class Library:
    """A store and what is known of it. Any number of threads may ask at once."""

    def __init__(self, store: ShotStore, *, names: Names, corrections: Corrections | None) -> None:
        """Use `Library.open`."""
        self.store: ShotStore = store
        self.names: Names = names
        self.corrections: Corrections | None = corrections
        """None where nothing may be written."""
        self.method: HistogramShots
        self.has_own_threshold: bool
        self.method, self.has_own_threshold = method_of(store.info.settings)
        self.distances: Distances = Distances(store, self.method)

    @classmethod
    def open(
        cls, store: Path, *, edit: Path | None = None, progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> "Library":
        """Open a store and read the names of its videos.

        Args:
            store: its folder, or a remote address.
            edit: the file of cuts that may be written; None: nothing is.
            progress: called with videos read and in all.

        Raises:
            ViviError: the store or the file cannot be used.
        """
        corrections = None if edit is None else Corrections(edit)
        opened = ShotStore.open(store)
        measures = {"shots": np.diff(opened.index["video_start"]), "frames": np.diff(opened.index["frame_start"])}
        return cls(opened, names=Names(_paths(opened, progress), measures=measures), corrections=corrections)

    def video(self, number: int) -> Video:
        """The video of that number.

        Raises:
            IndexError: there is none.
            StoreError: its line is damaged.
        """
        about = self.store.describe(number)
        height, width = self.store.frame_size(number)
        return Video(
            number=number,
            path=about["path"],
            about=about,
            frames=self.store.num_frames(number),
            height=height,
            width=width,
            shots=self.store.table.shots(number),
            clock=Clock(fps=self.store.info.fps, source_fps=_positive(about.get("source_fps"))),
        )

    def jpeg(self, video: int, frame: int) -> bytes:
        """A stored frame as its JPEG file.

        Raises:
            IndexError: there is no such frame.
            StoreError: it is damaged.
        """
        return self.store.read_frames(video, first=frame, count=1)[0]

    def pixels(self, video: int, frame: int) -> NDArray[np.uint8]:
        """A stored frame as image_HWC, RGB.

        Raises:
            IndexError: there is no such frame.
            StoreError: it is damaged.
        """
        try:
            return np.asarray(simplejpeg.decode_jpeg(self.jpeg(video, frame)), np.uint8)
        except ValueError as error:
            name = self.store.video_path(video)
            raise StoreError(
                f"frame {frame} of {name!r} cannot be decoded ({error}): ingest the videos again"
            ) from error

    def thumbnail(self, video: int, frame: int) -> bytes:
        """A stored frame as a small JPEG file.

        Raises:
            IndexError: there is no such frame.
            StoreError: it is damaged.
        """
        return small_jpeg(self.pixels(video, frame))


def small_jpeg(image_HWC: NDArray[np.uint8]) -> bytes:
    """An RGB image as a JPEG file of at most THUMBNAIL rows."""
    small = np.ascontiguousarray(shrunk(image_HWC, height=THUMBNAIL))
    return bytes(simplejpeg.encode_jpeg(small, quality=80, colorsubsampling="420"))


def _positive(value: Any) -> float:
    """A rate from a line that nobody vouches for; 0 where it is none."""
    return float(value) if isinstance(value, int | float) and 0 < value < 1e6 else 0.0


def _paths(store: ShotStore, progress: Callable[[int, int], None]) -> list[str]:
    total, paths = store.info.num_videos, []
    for line in video_lines(store.path):
        paths.append(str(line["path"]))
        if len(paths) % _TOLD == 0:
            progress(len(paths), total)
    if len(paths) != total:
        raise StoreError(f"{store.path}: videos.jsonl has {len(paths)} lines instead of {total}: copy the store again")
    return paths

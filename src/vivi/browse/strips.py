"""The page of a video: its shots as strips of frames, the distances between them, and the cuts of three origins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from vivi.browse.cuts import cuts_over
from vivi.browse.library import Library, Video

PART = 600
"""Frames of a long video that one page shows."""
_PICTURED = 40
"""A shot that is narrower than this part of a time line has no picture there."""
_SLOTS = 12
"""Pictures on a time line of one shot; of several shots each has its share, at least one."""
Origin = Literal["store", "threshold", "corrected"]
ORIGINS: dict[Origin, str] = {"store": "of the store", "threshold": "at this threshold", "corrected": "as saved"}
"""Where the cuts on a page come from, and what that is called."""


@dataclass(frozen=True, slots=True)
class Run:
    """A shot as it is shown."""

    number: int
    """Counted from 1."""
    first: int
    length: int
    shown: range
    """Its frames on this part of the page."""

    @property
    def end(self) -> int:
        """Number of the frame behind it."""
        return self.first + self.length


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame on the time line."""

    frame: int
    left: float
    """In percent of the time line."""
    width: float


@dataclass(frozen=True, slots=True)
class Strips:
    """What the page of a video shows."""

    video: Video
    distances: tuple[float, ...]
    threshold: float
    origin: Origin
    cuts: tuple[int, ...]
    """Numbers of the frames that begin a shot, without the first, as shown."""
    saved: tuple[int, ...] | None
    """The corrected cuts; None where the file has none of this video, or there is no file."""
    part: int
    """Counted from 1."""

    @property
    def parts(self) -> int:
        """How many pages the frames need."""
        return max(1, -(-self.video.frames // PART))

    @property
    def frames(self) -> range:
        """Numbers of the frames on this page."""
        first = PART * (self.part - 1)
        return range(first, min(first + PART, self.video.frames))

    @property
    def runs(self) -> list[Run]:
        """All shots, also those of which this page has no frame."""
        limits = [0, *self.cuts, self.video.frames]
        here = self.frames
        return [
            Run(
                number=number,
                first=first,
                length=end - first,
                shown=range(max(first, here.start), min(end, here.stop)),
            )
            for number, (first, end) in enumerate(pairwise(limits), start=1)
        ]

    @property
    def pictures(self) -> list[Picture]:
        """Those on the time line."""
        frames = self.video.frames
        wide = [run for run in self.runs if run.length * _PICTURED >= frames]
        return [picture for run in wide for picture in _pictures(run, frames=frames)]

    @property
    def kept(self) -> list[int]:
        """Cuts that the store has too."""
        return sorted(set(self.cuts) & set(self.video.cuts))

    @property
    def new(self) -> list[int]:
        """Cuts that the store does not have."""
        return sorted(set(self.cuts) - set(self.video.cuts))

    @property
    def gone(self) -> list[int]:
        """Cuts that the store has and that are not shown."""
        return sorted(set(self.video.cuts) - set(self.cuts))

    @property
    def elsewhere(self) -> list[int]:
        """Cuts at frames of other parts."""
        return [cut for cut in self.cuts if cut not in self.frames]


def strips(library: Library, number: int, *, threshold: float | None, origin: str | None, part: int) -> Strips:
    """What to show of a video.

    Args:
        library: that has it.
        number: of the video.
        threshold: 0 to 1; None: that of the store.
        origin: of the cuts; None or anything unknown: corrected ones where there are some, else those of the store, or
            those of the threshold where one is given.
        part: of a long video; the nearest there is.

    Raises:
        IndexError: there is no such video.
        StoreError: it is damaged.
    """
    video = library.video(number)
    distances = library.distances.of(number)
    found = None if library.corrections is None else library.corrections.of(video.path)
    saved = None if found is None else tuple(video.clock.frames(found, count=video.frames))
    chosen = _origin(origin, has_threshold=threshold is not None, is_saved=saved is not None)
    limit = min(max(library.method.threshold if threshold is None else threshold, 0.0), 1.0)
    cuts: dict[Origin, Sequence[int]] = {
        "store": video.cuts,
        "threshold": cuts_over(distances, threshold=limit, min_frames=library.method.min_frames),
        "corrected": saved or (),
    }
    pages = max(1, -(-video.frames // PART))
    return Strips(
        video=video,
        distances=distances,
        threshold=limit,
        origin=chosen,
        cuts=tuple(cuts[chosen]),
        saved=saved,
        part=min(max(part, 1), pages),
    )


def _origin(asked: str | None, *, has_threshold: bool, is_saved: bool) -> Origin:
    for origin in ORIGINS:
        if asked == origin and (origin != "corrected" or is_saved):
            return origin
    if has_threshold:
        return "threshold"
    return "corrected" if is_saved else "store"


def _pictures(run: Run, *, frames: int) -> list[Picture]:
    """Frames spread over a shot of a video of so many frames, side by side, with a gap behind the last."""
    count = min(run.length, max(1, round(_SLOTS * run.length / frames)))
    width = 100 * run.length / frames / count
    gap = 0.2
    return [
        Picture(
            frame=run.first + (2 * number + 1) * run.length // (2 * count),
            left=100 * run.first / frames + number * width,
            width=width - gap * (number + 1 == count),
        )
        for number in range(count)
    ]


def bars(distances: Sequence[float], *, only: Iterable[int] | None = None) -> str:
    """An SVG path of a bar for each distance: 0.7 wide, around the border of two frames, 100 high at a distance of 1.

    Args:
        distances: N - 1 of N frames.
        only: numbers of the frames whose bars are drawn; None: all.
    """
    frames = range(1, len(distances) + 1) if only is None else only
    drawn = [(frame - 0.35, 100 - 100 * distances[frame - 1]) for frame in frames]
    return "".join(f"M{x:.8g} 100V{y:.4g}h.7V100z" for x, y in drawn if y < 100)


def ticks(frames: Iterable[int]) -> str:
    """An SVG path of an upright line at the beginning of each frame."""
    return "".join(f"M{frame} 0v10" for frame in frames)

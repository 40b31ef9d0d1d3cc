"""How well the cuts that an ingest found agree with the true ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.data.image_file import printable
from vivi.data.store import ShotStore
from vivi.video.boundaries import BoundaryScore, match_boundaries
from vivi.video.cuts import read_cuts
from vivi.video.shots import first_frames

TOLERANCE = 1
"""Stored frames by which a found cut may miss a true one."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The cuts of one video."""

    found: tuple[int, ...]
    """Numbers of the stored frames that begin a shot, without the first."""
    true: tuple[int, ...]
    """The same for the true shots."""
    score: BoundaryScore

    @property
    def mistakes(self) -> int:
        """Cuts that are not there and cuts that were missed."""
        return self.score.false_positives + self.score.false_negatives

    def is_right(self, found: int) -> bool:
        """Whether there is a true cut at a found one."""
        return match_boundaries([found], self.true, tolerance=TOLERANCE).true_positives == 1

    def is_found(self, true: int) -> bool:
        """Whether a true cut was found."""
        return match_boundaries(self.found, [true], tolerance=TOLERANCE).true_positives == 1


@dataclass(frozen=True, slots=True)
class Agreement:
    """All videos of a store whose true cuts are known."""

    videos: Mapping[int, Compared]
    """By number of the video."""
    score: BoundaryScore
    """Of all of them together."""

    @property
    def worst(self) -> list[int]:
        """The videos with mistakes, those with the most first."""
        mistakes = {video: each.mistakes for video, each in self.videos.items() if each.mistakes}
        return sorted(mistakes, key=lambda video: (-mistakes[video], video))


def compare_cuts(store: ShotStore, *, cuts: Path) -> Agreement:
    """Compare the shots of a store with a file of true cuts; videos that the file does not name are left out.

    Raises:
        ViviError: the file cannot be read, or names none of the store's videos.
    """
    known = {printable(path): seconds for path, seconds in read_cuts(cuts).items()}
    videos = {
        video: _compare(store, video, cuts=known[path])
        for video in range(store.info.num_videos)
        if (path := store.video_path(video)) in known
    }
    if not videos:
        raise ViviError(f"{cuts} names no video of {store.path}: its paths must be relative to the ingested folder")
    return Agreement(videos=videos, score=sum((each.score for each in videos.values()), BoundaryScore()))


def _compare(store: ShotStore, video: int, *, cuts: Sequence[float]) -> Compared:
    sampled = [number / store.info.fps for number in range(store.num_frames(video))]
    found = tuple(shot.first for shot in store.table.shots(video)[1:])
    true = tuple(first_frames(sampled, cuts=cuts))
    return Compared(found=found, true=true, score=match_boundaries(found, true, tolerance=TOLERANCE))

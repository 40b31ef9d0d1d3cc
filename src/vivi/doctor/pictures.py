"""Thumbnails of what was found, for the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from vivi.data.store import ShotStore
from vivi.doctor.duplicates import Duplicate
from vivi.doctor.oddities import Bordered
from vivi.report.thumbnails import jpeg_thumbnail

SHOWN = 12
"""Of each kind of finding."""
_HEIGHT = 110


@dataclass(frozen=True, slots=True)
class PairPictures:
    """The same moment of two videos."""

    pair: Duplicate
    paths: tuple[str, str]
    seconds: tuple[float, float]
    thumbnails: tuple[str, str]


@dataclass(frozen=True, slots=True)
class BorderPicture:
    """A frame of a video with borders."""

    found: Bordered
    thumbnail: str


def pairs_shown(store: ShotStore, pairs: Sequence[Duplicate]) -> tuple[PairPictures, ...]:
    """The first pairs, at the middle of what they share."""
    return tuple(_pair(store, pair) for pair in pairs[:SHOWN])


def _pair(store: ShotStore, pair: Duplicate) -> PairPictures:
    start = max(0, pair.shift)
    end = min(store.num_frames(pair.first), store.num_frames(pair.second) + pair.shift)
    ours = (start + end - 1) // 2
    frames = (ours, ours - pair.shift)
    videos = (pair.first, pair.second)
    first, second = (_thumbnail(store, video, frame=frame) for video, frame in zip(videos, frames, strict=True))
    return PairPictures(
        pair=pair,
        paths=(store.video_path(pair.first), store.video_path(pair.second)),
        seconds=(frames[0] / store.info.fps, frames[1] / store.info.fps),
        thumbnails=(first, second),
    )


def borders_shown(store: ShotStore, bordered: Sequence[Bordered]) -> tuple[BorderPicture, ...]:
    """The videos with the widest borders, by their middle frames."""
    return tuple(
        BorderPicture(each, _thumbnail(store, each.video, frame=store.num_frames(each.video) // 2))
        for each in bordered[:SHOWN]
    )


def _thumbnail(store: ShotStore, video: int, *, frame: int) -> str:
    return jpeg_thumbnail(store.read_frames(video, first=frame, count=1)[0], height=_HEIGHT)

"""Frames, shots and videos that teach little: black, standing still, with borders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivi.data.records import Shot
from vivi.data.store import ShotStore
from vivi.doctor.look import VideoLook
from vivi.video.borders import Borders

STILL = 0.5
"""Neighbouring frames are the same when their brightness differs by less than this on average, of 255, at 32 x 32."""
STILL_FRAMES = 3
"""A shot is static when it has at least so many frames and all of them are the same as the one before."""


@dataclass(frozen=True, slots=True)
class OddShot:
    """A shot with nothing to learn from."""

    path: str
    shot: Shot
    start: float
    end: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Bordered:
    """A video with black borders."""

    video: int
    path: str
    borders: Borders
    """In stored pixels."""


@dataclass(frozen=True, slots=True)
class Oddities:
    """Of the videos that were looked at."""

    frames: int
    """Looked at."""
    black_frames: int
    still_frames: int
    """The same as the one before."""
    black_shots: tuple[OddShot, ...]
    """All of whose frames are black."""
    static_shots: tuple[OddShot, ...]
    bordered: tuple[Bordered, ...]
    """The widest borders first."""


def find_oddities(store: ShotStore, looks: Sequence[VideoLook]) -> Oddities:
    """What the looks show."""
    black: list[OddShot] = []
    static: list[OddShot] = []
    for look in looks:
        for shot in store.table.shots(look.video):
            if look.is_black[shot.first : shot.first + shot.length].all():
                black.append(_odd(store, shot))
            elif is_static(look, shot):
                static.append(_odd(store, shot))
    bordered = [Bordered(look.video, store.video_path(look.video), look.borders) for look in looks if look.borders]
    return Oddities(
        frames=sum(len(look.is_black) for look in looks),
        black_frames=sum(int(look.is_black.sum()) for look in looks),
        still_frames=sum(int(np.count_nonzero(look.changes < STILL)) for look in looks),
        black_shots=tuple(black),
        static_shots=tuple(static),
        bordered=tuple(sorted(bordered, key=lambda each: (-each.borders.share, each.path))),
    )


def is_static(look: VideoLook, shot: Shot) -> bool:
    """Whether all frames of a shot of that video are the same."""
    changes = look.changes[shot.first : shot.first + shot.length - 1]
    return shot.length >= STILL_FRAMES and bool((changes < STILL).all())


def _odd(store: ShotStore, shot: Shot) -> OddShot:
    fps = store.info.fps
    return OddShot(store.video_path(shot.video), shot, start=shot.first / fps, end=(shot.first + shot.length) / fps)

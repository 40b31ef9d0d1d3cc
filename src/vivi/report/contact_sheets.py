"""The shots of a store as contact sheets, beside the true cuts where they are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.data.store import ShotStore
from vivi.report.agreement import Agreement, Compared, compare_cuts
from vivi.report.thumbnails import jpeg_thumbnail

SHEETS = 4
"""Videos shown: half of them those with the most wrong cuts, the others spread evenly over the store."""
_PICTURES = 3
_HEIGHT = 54


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut on the time line of a video."""

    seconds: float
    percent: float
    """Where it lies on the time line."""
    right: bool
    """A found cut: there is a true cut at it. A true cut: it was found. True where nothing is known."""


@dataclass(frozen=True, slots=True)
class SheetShot:
    """One shot: when it is, and some of its frames."""

    number: int
    start: float
    end: float
    """Seconds."""
    frames: int
    thumbnails: tuple[str, ...]
    missed: tuple[float, ...]
    """Seconds of the true cuts within it that were not found."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One video."""

    path: str
    seconds: float
    shots: tuple[SheetShot, ...]
    found: tuple[Cut, ...]
    true: tuple[Cut, ...] | None
    """None where the true cuts are not known."""
    mistakes: int
    """Cuts that are not there and cuts that were missed."""


@dataclass(frozen=True, slots=True)
class ShotReport:
    """Some contact sheets, and how well all found cuts agree with the true ones."""

    fps: float
    sheets: tuple[Sheet, ...]
    agreement: Agreement | None
    """None where no true cuts are known."""


def report_shots(store: ShotStore, *, cuts: Path | None) -> ShotReport:
    """Contact sheets of a few videos, and the agreement over all videos that the file of cuts names.

    Raises:
        ViviError: the file of cuts is missing, damaged, or names none of the store's videos.
    """
    agreement = None if cuts is None else compare_cuts(store, cuts=cuts)
    videos = _chosen(store.info.num_videos, worst=() if agreement is None else agreement.worst)
    known = {} if agreement is None else agreement.videos
    sheets = tuple(_sheet(store, video, known.get(video)) for video in videos)
    return ShotReport(fps=store.info.fps, sheets=sheets, agreement=agreement)


def _chosen(count: int, *, worst: Sequence[int]) -> list[int]:
    shown = list(worst[: SHEETS // 2])
    others = [video for video in range(count) if video not in shown]
    wanted = min(SHEETS - len(shown), len(others))
    return shown + [others[at * len(others) // wanted] for at in range(wanted)]


def _sheet(store: ShotStore, video: int, known: Compared | None) -> Sheet:
    frames, fps = store.num_frames(video), store.info.fps
    found = [shot.first for shot in store.table.shots(video)[1:]]
    true = None if known is None else tuple(
        Cut(seconds=at / fps, percent=100 * at / frames, right=known.is_found(at)) for at in known.true
    )  # fmt: skip
    return Sheet(
        path=store.video_path(video),
        seconds=frames / fps,
        shots=tuple(_shots(store, video, missed=[cut.seconds for cut in true or () if not cut.right])),
        found=tuple(
            Cut(seconds=at / fps, percent=100 * at / frames, right=known is None or known.is_right(at)) for at in found
        ),
        true=true,
        mistakes=0 if known is None else known.mistakes,
    )


def _shots(store: ShotStore, video: int, *, missed: Sequence[float]) -> list[SheetShot]:
    fps = store.info.fps
    return [
        SheetShot(
            number=shot.index + 1,
            start=shot.first / fps,
            end=(shot.first + shot.length) / fps,
            frames=shot.length,
            thumbnails=tuple(_thumbnails(store, video, first=shot.first, length=shot.length)),
            missed=tuple(at for at in missed if shot.first < at * fps < shot.first + shot.length),
        )
        for shot in store.table.shots(video)
    ]


def _thumbnails(store: ShotStore, video: int, *, first: int, length: int) -> list[str]:
    """The first, the middle and the last frame; fewer of a shot that has fewer."""
    numbers = sorted({first + at * (length - 1) // (_PICTURES - 1) for at in range(_PICTURES)})
    return [jpeg_thumbnail(store.read_frames(video, first=number, count=1)[0], height=_HEIGHT) for number in numbers]

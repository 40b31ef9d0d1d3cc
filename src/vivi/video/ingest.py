"""Raw videos to a shot store: resumable at any moment, and with a line for every input.

Each video is one unit of work in a process of its own. The parent packs the results in the order of their paths, so
the store has the same bytes whatever was killed on the way and however many workers there were.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.core.config import dump
from vivi.core.errors import ConfigError, ViviError
from vivi.core.files import locked, remove_temporaries
from vivi.core.work import run_units, usable_cores
from vivi.data.clips import num_videos_for
from vivi.data.store import ShotStore
from vivi.data.store.format import SKIPPED, WORK
from vivi.video.assembly import Assembly, Progress
from vivi.video.job import Job, read_skipped, refuse_foreign
from vivi.video.part import make_part
from vivi.video.settings import IngestSettings
from vivi.video.sources import list_sources

__all__ = ["IngestSettings", "IngestSummary", "Progress", "ingest", "summarise"]

WORKER_MEMORY = 4 << 30
"""Bytes of address space that one worker may have; a video that needs more is skipped."""
PATIENCE = 600.0
"""Seconds that any video may take, however short."""
_SAMPLES = ((2, 8), (4, 8), (2, 4), (4, 4))
"""Shots K and frames L for which the summary counts videos."""


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What a store holds and what was left out."""

    store: Path
    videos: int
    skipped: tuple[tuple[str, int], ...]
    """Each reason and how often it occurs, the most frequent first."""
    minutes: float
    """Length of the stored videos."""
    frames: int
    shots: int
    remaining: tuple[tuple[int, int, int], ...]
    """(K, L, number of videos with K consecutive shots of at least L frames)."""
    was_complete: bool
    """Whether there was nothing left to do."""

    @property
    def shots_per_video(self) -> float:
        """Mean."""
        return self.shots / self.videos


def ingest(
    sources: Sequence[Path],
    *,
    out: Path,
    settings: IngestSettings,
    workers: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    patience: float = PATIENCE,
    memory: int | None = WORKER_MEMORY,
) -> IngestSummary:
    """Make the shot store `out`, or go on making it where an earlier call ended.

    Args:
        sources: video files and folders of them; see `vivi.video.sources`.
        out: a folder that is missing, empty, or the store that the same call began; it is not searched for videos.
        settings: with the sources, everything that decides the store's bytes.
        workers: number of processes; None: one for each core that this process may use.
        progress: called at the start and after every file.
        patience: seconds that any video may take; long files get more.
        memory: bytes of address space of one worker, None for no limit.

    Raises:
        ConfigError: fewer than one worker.
        ViviError: a source is missing; known cuts name no video; no usable video (skipped.csv is written); `out` is
            in use or not writable.
        StoreError: `out` holds something else, or a store of other settings or other sources.
        DiskFullError: the same call goes on when there is space.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers {workers}: must be at least 1")
    listing = list_sources(sources, without=out)
    if not listing.candidates and not listing.skipped:
        raise ViviError(f"no files in {', '.join(map(str, sources))}: name video files or folders that hold some")
    settings.shots.check([candidate.path for candidate in listing.candidates])
    refuse_foreign(out)
    job = Job.of(listing, settings=dump(settings))
    try:
        with locked(out):
            remove_temporaries(out)
            complete = job.begin(out)
            if not complete:
                assembly = Assembly(out, listing, settings)
                progress(assembly.progress)
                units = assembly.units(patience=patience)
                for outcome in run_units(make_part, units=units, workers=workers or usable_cores(), memory=memory):
                    assembly.settle(outcome)
                    progress(assembly.progress)
            stored = complete or assembly.finish()
            shutil.rmtree(out / WORK, ignore_errors=True)
    except OSError as error:
        raise ViviError(
            f"cannot make a store in {out} ({error}): check that folder, or choose another --out"
        ) from error
    if not stored:
        raise ViviError(f"none of the inputs is a usable video: {out / SKIPPED} says why for each of them")
    return summarise(out, was_complete=complete)


def summarise(store: Path, *, was_complete: bool) -> IngestSummary:
    """Count what a finished store holds.

    Raises:
        StoreError: see `ShotStore.open`.
    """
    opened = ShotStore.open(store)
    info = opened.info
    reasons = Counter(skip.reason for skip in read_skipped(store))
    return IngestSummary(
        store=store,
        videos=info.num_videos,
        skipped=tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        minutes=info.seconds / 60,
        frames=info.num_frames,
        shots=info.num_shots,
        remaining=tuple((k, n, num_videos_for(opened.table, shots=k, frames=n)) for k, n in _SAMPLES),
        was_complete=was_complete,
    )

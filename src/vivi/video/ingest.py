"""Raw videos to a shot store: resumable at any moment, and with a line for every input.

Each video is one unit of work in a process of its own, on this machine or on a cluster; a long one may be several. The
parent packs the results in the order of their paths, so the store has the same bytes whatever was killed on the way,
however many workers there were and wherever.
"""

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vivi.core.errors import ConfigError, ViviError
from vivi.core.files import locked, remove_temporaries
from vivi.core.work import Outcome, Unit, run_units, usable_cores
from vivi.data.clips import num_videos_for
from vivi.data.store import ShotStore
from vivi.data.store.format import SKIPPED, WORK
from vivi.data.store.skipped import read_skipped
from vivi.video.assembly import Assembly, Progress
from vivi.video.job import LISTING, begin, refuse_foreign
from vivi.video.listing import Listing
from vivi.video.part import make_part
from vivi.video.settings import IngestSettings
from vivi.video.sources import Found, Selection, find_inputs

__all__ = ["IngestSettings", "IngestSummary", "Progress", "Selection", "ingest", "summarise"]

WORKER_MEMORY = 4 << 30
"""Bytes of address space that one worker may have; a video that needs more is skipped."""
ALL = Selection()
"""Of what the sources hold."""
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


class Engine(Protocol):
    """Where videos are done: `vivi.core.work.run_units` on this machine, `vivi.core.cluster.RayEngine` on a cluster."""

    def __call__(
        self, function: Callable[[Any], Any], *, units: Iterable[Unit | None], workers: int, memory: int | None
    ) -> Iterator[Outcome]:
        """See `run_units`."""


def ingest(
    sources: Sequence[Path | str],
    *,
    out: Path,
    settings: IngestSettings,
    selection: Selection = ALL,
    workers: int | None = None,
    engine: Engine = run_units,
    scratch: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    patience: float = PATIENCE,
    memory: int | None = WORKER_MEMORY,
) -> IngestSummary:
    """Make the shot store `out`, or go on making it where an earlier call ended.

    Args:
        sources: video files, folders of them, tar files and addresses; see `vivi.video.sources`.
        out: a folder that is missing, empty, or the store that the same call began; it is not searched for videos.
            Workers on other machines must see it under the same path, and what is read from files too.
        settings: with the sources, everything that decides the store's bytes.
        selection: lists of videos, and which of all are taken.
        workers: videos at the same time; None: one for each core that this process may use.
        engine: where they are done.
        scratch: folder into which workers copy what is no local file; None: one below `out`.
        progress: called at the start and after every file.
        patience: seconds that any video may take; long files get more.
        memory: bytes of address space of one worker, None for no limit.

    Raises:
        ConfigError: fewer than one worker.
        ViviError: a source is missing; known cuts name no video; no usable video (skipped.csv is written); `out` is
            in use or not writable; a machine does not see it.
        StoreError: `out` holds something else, or a store of other settings or other sources.
        DiskFullError: the same call goes on when there is space.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers {workers}: must be at least 1")
    found = _not_empty(find_inputs(sources, selection=selection, without=out), sources, selection)
    refuse_foreign(out)
    try:
        with _not_left_empty(out), locked(out):
            remove_temporaries(out)
            complete = stored = begin(out, found, settings=settings)
            if not complete:
                many = workers or usable_cores()
                with Listing(out / LISTING) as listing:
                    assembly = Assembly(out, listing, settings, workers=many, patience=patience, scratch=scratch)
                    with closing(assembly):
                        stored = _assemble(assembly, engine, workers=many, memory=memory, progress=progress)
            shutil.rmtree(out / WORK, ignore_errors=True)
    except OSError as error:
        raise ViviError(
            f"cannot make a store in {out} ({error}): check that folder, or choose another --out"
        ) from error
    if not stored:
        raise ViviError(f"none of the inputs is a usable video: {out / SKIPPED} says why for each of them")
    return summarise(out, was_complete=complete)


def _not_empty(found: Found, sources: Sequence[Path | str], selection: Selection) -> Found:
    first = next(found, None)
    if first is None:
        named = ", ".join(map(str, [*sources, *selection.lists]))
        raise ViviError(f"no files in {named}: name video files or folders that hold some")
    return itertools.chain([first], found)


@contextmanager
def _not_left_empty(out: Path) -> Iterator[None]:
    """A folder that was made for nothing does not stay."""
    was_there = out.exists()
    try:
        yield
    finally:
        if not was_there:
            with suppress(OSError):
                out.rmdir()


def _assemble(
    assembly: Assembly, engine: Engine, *, workers: int, memory: int | None, progress: Callable[[Progress], None]
) -> bool:
    progress(assembly.progress)
    for outcome in engine(make_part, units=assembly.units(), workers=workers, memory=memory):
        assembly.settle(outcome)
        progress(assembly.progress)
    return assembly.finish()


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

"""The whole examination of a store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vivi.core.errors import ConfigError
from vivi.core.work import usable_cores
from vivi.data.store import ShotStore
from vivi.doctor.advice import advise
from vivi.doctor.duplicates import Duplicates, find_duplicates
from vivi.doctor.look import look_at
from vivi.doctor.oddities import Oddities, find_oddities
from vivi.doctor.shapes import Shapes, read_shapes
from vivi.doctor.threshold import Threshold, calibrate
from vivi.report.contact_sheets import ShotReport, report_shots
from vivi.report.ingested import Ingested, read_ingested
from vivi.training.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found."""

    store: Path
    digest: str
    looked: int
    """Videos whose frames were looked at."""
    ingested: Ingested
    shapes: Shapes
    oddities: Oddities
    duplicates: Duplicates
    threshold: Threshold
    shots: ShotReport
    estimates: tuple[Estimate, ...]
    advice: tuple[str, ...]

    def with_estimates(self, estimates: tuple[Estimate, ...]) -> "Diagnosis":
        """The same, and what presets would take on this machine."""
        return replace(self, estimates=estimates)


def examine(
    path: Path,
    *,
    cuts: Path | None = None,
    videos: int | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Diagnosis:
    """Look at a finished store.

    Args:
        path: of the store.
        cuts: known cuts of some of its videos.
        videos: look at the frames of so many, spread evenly over the store; None: of all.
        threads: that decode; None: one for each core that this process may use.
        progress: called with videos looked at and in all.

    Raises:
        StoreError: missing, unfinished or damaged.
        ConfigError: less than one video or thread.
        ViviError: the file of cuts is wrong, or names none of the store's videos.
    """
    for flag, value in (("--videos", videos), ("--workers", threads)):
        if value is not None and value < 1:
            raise ConfigError(f"{flag} {value}: must be at least 1")
    store = ShotStore.open(path)
    shots = report_shots(store, cuts=cuts)
    chosen = spread(store.info.num_videos, videos)
    looks = look_at(store, videos=chosen, threads=threads or usable_cores(), progress=progress)
    ingested, shapes = read_ingested(store), read_shapes(store)
    oddities, duplicates = find_oddities(store, looks), find_duplicates(looks)
    threshold = calibrate(store, looks, agreement=shots.agreement)
    return Diagnosis(
        store=path,
        digest=store.digest,
        looked=len(looks),
        ingested=ingested,
        shapes=shapes,
        oddities=oddities,
        duplicates=duplicates,
        threshold=threshold,
        shots=shots,
        estimates=(),
        advice=advise(
            ingested=ingested,
            shapes=shapes,
            oddities=oddities,
            duplicates=duplicates,
            threshold=threshold,
            looked=len(looks),
        ),
    )


def spread(count: int, wanted: int | None) -> Sequence[int]:
    """`wanted` of the numbers 0 to `count` - 1, evenly spread; all of them where there are no more."""
    if wanted is None or wanted >= count:
        return range(count)
    return [number * count // wanted for number in range(wanted)]

"""Verbs that make data: ingest."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vivi.video.holdout import Holdout
    from vivi.video.ingest import IngestSummary
    from vivi.video.ingest import Progress as IngestProgress
    from vivi.video.settings import IngestSettings


def ingest(
    sources: Path | str | Sequence[Path | str],
    *,
    out: Path | str,
    list_: Sequence[Path | str] = (),
    ids: Path | str | None = None,
    holdout: float | None = None,
    part: Literal["train", "test"] | None = None,
    fps: float = 1.0,
    short_side: int = 256,
    shots: str = "hist",
    threshold: float | None = None,
    min_frames: int | None = None,
    max_frames: int | None = None,
    corrections: Path | str | None = None,
    crop_borders: bool = False,
    quality: int = 90,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
    address: str = "auto",
    scratch: Path | str | None = None,
    progress: "Callable[[IngestProgress], None]" = lambda _: None,
) -> "IngestSummary":
    """Turn videos into a shot store, as `vivi ingest` does. Interrupted, the same call goes on.

    Args:
        sources: video files, folders, which are searched recursively, tar files and addresses; one or several.
        out: the store to write.
        list_: lists of videos, .txt, .csv or .parquet.
        ids: a list of YouTube-8M or YouTube ids: take only the files that are named by them.
        holdout: share of the videos that is held out for testing; with `part`.
        part: with `holdout`: "train" takes all others, "test" what is held out.
        fps: frames kept of each second of video.
        short_side: pixels of the shorter side of a stored frame; smaller videos are not enlarged.
        shots: how to cut, as the flag says it: "hist", "full", "none", a number of seconds, a file of known cuts, or
            "scenedetect:" and a detector.
        threshold: cut where neighbouring frames differ by more than this, 0 to 1; None: the method's own.
        min_frames: stored frames of the shortest shot, for "hist".
        max_frames: stored frames of the longest shot; longer ones are divided evenly.
        corrections: a file of known cuts that hold for the videos it names.
        crop_borders: cut off black borders that a video has throughout.
        quality: JPEG quality of the stored frames.
        workers: videos at the same time; None: one per core.
        engine: "local": processes of this machine; "ray": a Ray cluster whose machines share the folders.
        address: with "ray": of the cluster, HOST:PORT; "auto"; "local": a new one on this machine.
        scratch: folder into which workers copy what is no local file; None: below the store.
        progress: called at the start and after every file.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.video.ingest import ingest as run_ingest
    from vivi.video.shots_flag import ShotFlags
    from vivi.video.sources import Selection

    given = None if corrections is None else Path(corrections)
    flags = ShotFlags(threshold=threshold, min_frames=min_frames, max_frames=max_frames, corrections=given)
    values = {"fps": fps, "short_side": short_side, "quality": quality}
    selection = Selection(
        lists=tuple(Path(each) for each in list_),
        ids=None if ids is None else Path(ids),
        holdout=_asked_holdout(holdout, part),
    )
    return run_ingest(
        [sources] if isinstance(sources, Path | str) else list(sources),
        out=Path(out),
        settings=_settings(values, shots=shots, flags=flags, crop_borders=crop_borders),
        selection=selection,
        scratch=None if scratch is None else Path(scratch),
        progress=progress,
        **_engine(engine, address=address, workers=workers),
    )


def _settings(values: dict[str, Any], *, shots: str, flags: Any, crop_borders: bool) -> "IngestSettings":
    from vivi.core.config import build
    from vivi.video.settings import CroppedSettings, IngestSettings
    from vivi.video.shots_flag import shot_method

    kind = CroppedSettings if crop_borders else IngestSettings
    return build(kind, values | {"shots": shot_method(shots, flags=flags)}, source="vivi ingest")


def _asked_holdout(share: float | None, part: str | None) -> "Holdout | None":
    from vivi.core.config import build
    from vivi.core.errors import ConfigError
    from vivi.video.holdout import Holdout

    if (share is None) != (part is None):
        raise ConfigError("--holdout and --part go together, for example --holdout 0.1 --part train")
    if share is None:
        return None
    return build(Holdout, {"share": share, "is_test": part == "test"}, source=f"--holdout {share}")


def _engine(engine: str, *, address: str, workers: int | None) -> dict[str, Any]:
    """The arguments of `vivi.video.ingest.ingest` that say where videos are done.

    Raises:
        ViviError: no such engine, or no Ray cluster.
    """
    from vivi.core.cluster import RayEngine
    from vivi.core.errors import ConfigError

    if engine == "local":
        if address != "auto":
            raise ConfigError(f"--address {address} goes with --engine ray alone")
        return {"workers": workers}
    if engine != "ray":
        raise ConfigError(f"--engine {engine}: legal: local, ray")
    ray = RayEngine(address=address)
    return {"engine": ray, "workers": max(1, ray.capacity()) if workers is None else workers}

"""Verbs that make data: ingest."""

from pathlib import Path

from vivi.cli.app import app


@app.command
def ingest(
    *sources: Path,
    out: Path,
    fps: float = 1.0,
    short_side: int = 256,
    shots: str = "hist",
    threshold: float | None = None,
    quality: int = 90,
    workers: int | None = None,
) -> None:
    """Turn videos into a shot store. Interrupted, the same command goes on.

    Parameters
    ----------
    sources
        Video files and folders, which are searched recursively.
    out
        The store to write.
    fps
        Frames kept of each second of video.
    short_side
        Pixels of the shorter side of a stored frame; smaller videos are not enlarged.
    shots
        hist: cuts by colour histogram; none: one shot a video; a number: windows of so many seconds;
        a file: known cuts, CSV with the columns path and seconds.
    threshold
        For --shots hist: cut where the histograms of neighbouring frames differ by more than this, 0 to 1; 0.5 if
        not given.
    quality
        JPEG quality of the stored frames.
    workers
        Processes; one per core if not given.
    """
    from vivi.console.data import ingest_progress, show_ingest
    from vivi.core.config import build
    from vivi.video.ingest import IngestSettings
    from vivi.video.ingest import ingest as run_ingest
    from vivi.video.shots import shot_method

    values = {
        "fps": fps,
        "short_side": short_side,
        "quality": quality,
        "shots": shot_method(shots, threshold=threshold),
    }
    settings = build(IngestSettings, values, source="vivi ingest")
    with ingest_progress() as progress:
        summary = run_ingest(sources, out=out, settings=settings, workers=workers, progress=progress)
    show_ingest(summary, out=out)

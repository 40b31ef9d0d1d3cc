"""Verbs that make data: ingest."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vivi.cli.app import app
from vivi.cli.screen import RARE


@app.command
def ingest(
    *sources: str,
    out: Path,
    list_: Annotated[tuple[Path, ...], Parameter(name="--list", negative="")] = (),
    ids: Annotated[Path | None, Parameter(group=RARE)] = None,
    holdout: float | None = None,
    part: Literal["train", "test"] | None = None,
    fps: float = 1.0,
    short_side: int = 256,
    shots: str = "hist",
    threshold: Annotated[float | None, Parameter(group=RARE)] = None,
    min_frames: Annotated[int | None, Parameter(group=RARE)] = None,
    max_frames: Annotated[int | None, Parameter(group=RARE)] = None,
    corrections: Path | None = None,
    crop_borders: Annotated[bool, Parameter(negative="")] = False,
    quality: Annotated[int, Parameter(group=RARE)] = 90,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
    address: Annotated[str, Parameter(group=RARE)] = "auto",
    scratch: Annotated[Path | None, Parameter(group=RARE)] = None,
    json: Annotated[bool, Parameter(negative="", group=RARE)] = False,
) -> None:
    """Turn videos into a shot store. Interrupted, the same command goes on.

    vivi ingest my_videos --out store
    vivi ingest my_videos more/clip.mkv --out store --shots full
    vivi ingest s3://bucket/videos --out store

    Parameters
    ----------
    sources
        Video files; folders, which are searched recursively; tar files of videos; addresses of object stores and web
        servers: s3://BUCKET/FOLDER, gs://, az://, https://HOST/FILE (extra remote).
    out
        The store to write.
    list_
        A list of videos: .txt with a path or an address a line; .csv or .parquet with the columns path (or url) and id;
        may be repeated.
    ids
        A list of YouTube-8M or YouTube ids, .txt, .csv or .parquet: take only the files in the sources that are named
        ID.mp4 or "... [ID].mp4". Nothing is downloaded from YouTube.
    holdout
        Share of the videos that is held out for testing, chosen by a hash of their names; with --part.
    part
        With --holdout: train takes all others, test takes what is held out.
    fps
        Frames kept of each second of video.
    short_side
        Pixels of the shorter side of a stored frame; smaller videos are not enlarged.
    shots
        hist: cuts by colour histogram of the stored frames; full: the same at the full frame rate, which decodes every
        frame once more; none: one shot a video; a number: windows of so many seconds; a file: known cuts, CSV with the
        columns path and seconds; scenedetect:content, :adaptive, :threshold, :hash or :hist: PySceneDetect's
        detectors at the full frame rate (extra scenes).
    threshold
        For --shots hist: cut where the histograms of neighbouring frames differ by more than this, 0 to 1; 0.5 if
        not given. For full and scenedetect: the detector's own.
    min_frames
        For --shots hist: stored frames of the shortest shot.
    max_frames
        Stored frames of the longest shot; longer ones are divided evenly.
    corrections
        A file of known cuts that hold for the videos it names; --shots says what holds for all others.
    crop_borders
        Cut off black borders that a video has throughout.
    quality
        JPEG quality of the stored frames.
    workers
        Videos at the same time; one per core if not given.
    engine
        local: processes of this machine; ray: the Ray cluster that it belongs to, whose machines share the folders.
    address
        With --engine ray: of the cluster, HOST:PORT; auto: RAY_ADDRESS, or the one that this machine belongs to; local:
        a new one on this machine.
    scratch
        Folder into which workers copy members of tar files and remote videos, one at a time; below the store if not
        given. On a cluster name a folder on disks of the machines' own.
    json
        Print what the store holds and what was left out as JSON.
    """
    from vivi.api.data import ingest as run_ingest
    from vivi.console.data import ingest_progress, show_ingest

    with ingest_progress() as progress:
        summary = run_ingest(
            sources,
            out=out,
            list_=list_,
            ids=ids,
            holdout=holdout,
            part=part,
            fps=fps,
            short_side=short_side,
            shots=shots,
            threshold=threshold,
            min_frames=min_frames,
            max_frames=max_frames,
            corrections=corrections,
            crop_borders=crop_borders,
            quality=quality,
            workers=workers,
            engine=engine,
            address=address,
            scratch=scratch,
            progress=progress,
        )
    show_ingest(summary, out=out, json=json)

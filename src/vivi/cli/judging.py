"""Verbs about what an encoder is worth: evaluate, embed, convert, report, demo."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vivi.cli.app import app, main


@app.command
def evaluate(
    encoder: Path,
    *,
    data: Path,
    out: Path | None = None,
    max_train: int | None = None,
    max_test: int | None = None,
    seed: int = 0,
    splits: int = 1,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Judge an encoder on a folder of labelled images, beside the same network with random weights.

    vivi evaluate run/encoder --data my_images --out scores.json
    vivi evaluate other/encoder --data my_images --splits 5 --out other.json

    Parameters
    ----------
    encoder
        An encoder folder, such as RUN/encoder.
    data
        Labelled images: CLASS/IMAGE, or train/CLASS/IMAGE and test/CLASS/IMAGE.
    out
        Where to write scores.json.
    max_train
        At most so many training images of each class.
    max_test
        At most so many test images of each class.
    seed
        Decides the split where the folder has none, and what the limits keep.
    splits
        Judge with so many seeds from this one on; then vivi compare can say how sure a change is.
    device
        auto, cpu, cuda or cuda:N.
    json
        Print the scores as JSON.
    """
    from vivi.api import evaluate as run_evaluate
    from vivi.console.base import feature_progress
    from vivi.console.judging import show_scores

    asked: dict[str, Any] = {"max_train": max_train, "max_test": max_test, "seed": seed, "splits": splits}
    with feature_progress("Features") as progress:
        scores = run_evaluate(encoder, data=data, out=out, **asked, device=device, progress=progress)
    show_scores(scores, out=out, json=json)


@app.command
def embed(
    encoder: Path,
    *,
    images: Path | None = None,
    videos: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True)] = (),
    store: Path | None = None,
    out: Path,
    per: Literal["frame", "shot", "video"] = "frame",
    fps: float = 1.0,
    batch: int = 64,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write the embeddings of images, of videos or of a store to a file. Interrupted, the same command goes on.

    vivi embed run/encoder --images my_images --out features.parquet
    vivi embed run/encoder --videos my_videos --per shot --out shots.npz
    vivi embed run/encoder --store store --out frames.parquet

    Parameters
    ----------
    encoder
        An encoder folder.
    images
        An image, or a folder that is searched recursively.
    videos
        Video files, folders, tar files and addresses, decoded and cut as vivi ingest does; no store is made.
    store
        A shot store.
    out
        The file: .parquet, .npz, or .npy with the names in OUT.csv.
    per
        For videos and stores, what a row is of: a frame, or the mean over a shot or a video.
    fps
        For videos: frames of each second.
    batch
        Pictures at a time.
    device
        auto, cpu, cuda or cuda:N.
    json
        Print the counts as JSON.
    """
    from vivi.api import embed as run_embed
    from vivi.console.base import feature_progress
    from vivi.console.judging import show_embedded

    inputs: dict[str, Any] = {"images": images, "videos": videos, "store": store}
    unit = "videos" if images is None else "images"
    with feature_progress("Embeddings", unit=unit) as progress:
        summary = run_embed(encoder, **inputs, out=out, per=per, fps=fps, batch=batch, device=device, progress=progress)
    show_embedded(summary, json=json)


@app.command
def convert(
    source: Path,
    *,
    out: Path,
    name: str | None = None,
    layout: str | None = None,
    scope: str | None = None,
    image_size: int = 224,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Turn a published checkpoint of another code base into an encoder folder.

    vivi convert BiT-S-R50x1.npz --out bit

    Parameters
    ----------
    source
        A .npz of named arrays, a TensorFlow checkpoint or hub module, or a .caffemodel.
    out
        The encoder folder to write.
    name
        The model's name; that of the file if not given.
    layout
        How its variables are named; recognised if not given.
    scope
        What stands before the names of its variables, where the file holds several networks.
    image_size
        Side of the images it was trained on, in pixels.
    json
        Print what was made as JSON.
    """
    from vivi.api import convert as run_convert
    from vivi.console.judging import show_conversion

    done = run_convert(source, out=out, name=name, layout=layout, scope=scope, image_size=image_size)
    show_conversion(done, json=json)


@app.command
def report(
    *folders: Path,
    out: Path = Path("report.html"),
    store: Path | None = None,
    cuts: Path | None = None,
    title: str = "VIVI report",
    commands: Path | None = None,
    note: Annotated[tuple[str, ...], Parameter(negative="")] = (),
) -> None:
    """Write one HTML page about runs, scores and a store; it needs no network and no JavaScript.

    vivi report run scores.json --store store --out report.html

    Parameters
    ----------
    folders
        Run folders, score files, results of VTAB and of `vivi robust`, or folders that hold them.
    out
        The page.
    store
        A shot store to show as contact sheets.
    cuts
        Known cuts to compare its shots with: CSV with the columns path and seconds.
    title
        The page's title.
    commands
        A text file with the command lines that made all this, to be shown.
    note
        A sentence to show above everything else; may be repeated.
    """
    from vivi.api import report as run_report
    from vivi.console.base import plain

    page = run_report(folders, out=out, store=store, cuts=cuts, title=title, commands=commands, note=note)
    plain(f"{page}")


@app.command
def demo(*, out: Path = Path("demo"), seed: int = 0) -> None:
    """The whole way on a small world of videos that it makes itself; ends with the path of a report.

    Parameters
    ----------
    out
        The folder to write.
    seed
        Another world and other runs.
    """
    from vivi.api import demo as run_demo

    run_demo(out, seed=seed, main=main)  # its last command prints the path of the report

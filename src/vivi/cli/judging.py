"""Verbs about what an encoder is worth: evaluate, embed, convert, report, demo."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vivi.cli.app import app, main
from vivi.core.files import read_text


@app.command
def evaluate(
    encoder: Path,
    *,
    data: Path,
    out: Path | None = None,
    max_train: int | None = None,
    max_test: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> None:
    """Judge an encoder on a folder of labelled images, beside the same network with random weights.

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
    device
        auto, cpu, cuda or cuda:N.
    """
    from vivi.console.base import feature_progress
    from vivi.console.judging import show_scores
    from vivi.core.world import find_device
    from vivi.transfer.quick import evaluate as run_evaluate

    with feature_progress("Features") as progress:
        scores = run_evaluate(
            encoder,
            data=data,
            out=out,
            max_train=max_train,
            max_test=max_test,
            seed=seed,
            device=find_device(device),
            progress=progress,
        )
    show_scores(scores, out=out)


@app.command
def embed(encoder: Path, *, images: Path, out: Path, batch: int = 64, device: str = "auto") -> None:
    """Write the embeddings of images to a Parquet file.

    Parameters
    ----------
    encoder
        An encoder folder.
    images
        An image, or a folder that is searched recursively.
    out
        The Parquet file: path, embedding.
    batch
        Images at a time.
    device
        auto, cpu, cuda or cuda:N.
    """
    from vivi.console.base import feature_progress
    from vivi.console.judging import show_embedded
    from vivi.core.world import find_device
    from vivi.transfer.embed import embed as run_embed

    with feature_progress("Embeddings") as progress:
        summary = run_embed(encoder, images=images, out=out, batch=batch, device=find_device(device), progress=progress)
    show_embedded(summary, out=out)


@app.command
def convert(
    source: Path,
    *,
    out: Path,
    name: str | None = None,
    layout: str | None = None,
    scope: str | None = None,
    image_size: int = 224,
) -> None:
    """Turn a published checkpoint of another code base into an encoder folder.

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
    """
    from vivi.console.judging import show_conversion
    from vivi.convert.conversion import convert as run_convert

    show_conversion(run_convert(source, out=out, name=name, layout=layout, scope=scope, image_size=image_size))


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
    from vivi.report.page import collect, write_report
    from vivi.report.results_files import find_results

    runs, scores = collect(folders)
    results = tuple(dict.fromkeys(file for folder in folders for file in find_results(folder)))
    lines = () if commands is None else read_text(commands).splitlines()
    page = write_report(
        out, title=title, store=store, cuts=cuts, runs=runs, scores=scores, results=results, commands=lines, notes=note
    )
    print(page)


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
    from vivi.demo.run import demo as run_demo

    run_demo(out, seed=seed, main=main)  # its last command prints the path of the report

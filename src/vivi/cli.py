"""The command line: one verb a function. It parses, calls, shows progress, and turns errors into one line.

Exit codes: 0 done; 2 something the user can mend; 75 stopped by a signal and saved, the same command goes on.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from vivi import __version__
from vivi.core.errors import InterruptedRunError, ViviError
from vivi.core.files import read_text

FAILED = 2
INTERRUPTED = 75

app = App(
    name="vivi",
    help="Image encoders learned from raw videos: ingest, pretrain, evaluate, report.",
    version=__version__,
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)


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
    from vivi.console import ingest_progress, show_ingest
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


@app.command
def presets(name: str | None = None) -> None:
    """List the presets, or print one completely.

    Parameters
    ----------
    name
        A preset to print with all its values.
    """
    from vivi.console import show_experiment, show_presets
    from vivi.presets import PRESETS, find

    if name is None:
        show_presets(PRESETS)
    else:
        show_experiment(find(name))


@app.command
def pretrain(
    preset: str,
    *,
    data: Path,
    out: Path,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    steps: int | None = None,
    tiny: bool = False,
    device: str = "auto",
    workers: int | None = None,
    chunks: int = 1,
    log_every: int = 10,
    save_every: int = 500,
    knn: Path | None = None,
    knn_every: int = 500,
) -> None:
    """Pretrain an encoder on a shot store. Interrupted, the same command goes on.

    Parameters
    ----------
    preset
        A name that `vivi presets` lists, such as "VIVI-Ex(4)".
    data
        A store that `vivi ingest` wrote.
    out
        The run folder to write; RUN/encoder is the encoder in the end.
    set_
        Change one value of the experiment: --set optimiser.learning_rate=0.1; may be repeated.
    steps
        Train for so many steps; warm-up and decays keep their places in the run.
    tiny
        The same method at a size that a CPU can train: width-16 ResNet-18 at 48 pixels.
    device
        auto, cpu, cuda or cuda:N.
    workers
        Threads that decode; one per core if not given.
    chunks
        Split a step into so many parts to save memory; the gradients stay exact.
    log_every
        Steps between lines of metrics.jsonl.
    save_every
        Steps between checkpoints.
    knn
        A folder of labelled images for the online kNN accuracy.
    knn_every
        Steps between kNN accuracies.
    """
    from vivi.console import show_run, training_progress
    from vivi.core.work import usable_cores
    from vivi.core.world import World, find_device
    from vivi.presets import changed, find
    from vivi.presets import tiny as shrink
    from vivi.training.loop import RunOptions
    from vivi.training.loop import pretrain as run_pretrain

    experiment = find(preset)
    experiment = changed(shrink(experiment) if tiny else experiment, assignments=set_, steps=steps)
    options = RunOptions(
        world=World.single(find_device(device)),
        workers=usable_cores() if workers is None else workers,
        chunks=chunks,
        log_every=log_every,
        save_every=save_every,
        knn=knn,
        knn_every=knn_every,
    )
    with training_progress(experiment) as progress:
        run = run_pretrain(experiment, data=data, out=out, options=options, progress=progress)
    show_run(run)


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
    from vivi.console import feature_progress, show_scores
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
    from vivi.console import feature_progress, show_embedded
    from vivi.core.world import find_device
    from vivi.transfer.embed import embed as run_embed

    with feature_progress("Embeddings") as progress:
        summary = run_embed(encoder, images=images, out=out, batch=batch, device=find_device(device), progress=progress)
    show_embedded(summary, out=out)


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
        Run folders, score files, or folders that hold them.
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

    runs, scores = collect(folders)
    lines = () if commands is None else read_text(commands).splitlines()
    page = write_report(out, title=title, store=store, cuts=cuts, runs=runs, scores=scores, commands=lines, notes=note)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never shows a traceback for what the user can mend."""
    # torch's idle threads are to sleep, and leave their core to the loader
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_none")
    except InterruptedRunError as error:
        return _say(str(error), INTERRUPTED)
    except BrokenPipeError:
        return FAILED
    except (ViviError, CycloptsError) as error:
        return _say("error: " + " ".join(str(error).split()), FAILED)
    except OSError as error:
        return _say(f"error: {error.strerror or error}: {error.filename or ''}".rstrip(": "), FAILED)
    except KeyboardInterrupt:
        return _say("interrupted: ingest, pretrain and demo go on with the same command", INTERRUPTED)
    return 0


def _say(text: str, code: int) -> int:
    print(f"vivi: {text}", file=sys.stderr)
    return code

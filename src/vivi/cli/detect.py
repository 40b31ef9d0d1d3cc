"""The verb about object detection: detect."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vivi.cli.app import app


@app.command
def detect(
    encoder: Path,
    *,
    data: Path,
    out: Path,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    steps: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    log_every: int = 20,
    save_every: int = 500,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Fine-tune Faster R-CNN on an encoder, on boxes in VOC's format, and measure AP. Interrupted, it goes on.

    Parameters
    ----------
    encoder
        An encoder folder, such as RUN/encoder.
    data
        A folder with Annotations, ImageSets/Main and JPEGImages, such as VOCdevkit/VOC2007.
    out
        The folder to write; OUT/detection.json is the result in the end.
    set_
        Change one value of the recipe: --set batch=8; may be repeated.
    steps
        Train for so many steps; warm-up and decays keep their places in the run.
    device
        auto, cpu, cuda or cuda:N.
    workers
        Threads that decode; one per core if not given.
    log_every
        Steps between lines of metrics.jsonl.
    save_every
        Steps between checkpoints.
    json
        Print what is in OUT/detection.json.
    """
    from vivi.api import detect as run_detect
    from vivi.console.detect import detection_progress, show_detection

    with detection_progress() as progress:
        result = run_detect(
            encoder,
            data=data,
            out=out,
            set_=set_,
            steps=steps,
            device=device,
            workers=workers,
            log_every=log_every,
            save_every=save_every,
            progress=progress,
        )
    show_detection(result, out=out, json=json)

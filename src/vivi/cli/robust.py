"""The verb about stability from frame to frame: robust."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vivi.cli.app import app


@app.command
def robust(
    encoder: str,
    *,
    data: Path,
    out: Path,
    batch: int = 64,
    device: str = "auto",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Score a classifier of ImageNet's classes on ImageNet-Vid-Robust. Interrupted, the same command goes on.

    Parameters
    ----------
    encoder
        An encoder folder with a classifier; timm:NAME or timm:local-dir:FOLDER; python:MODULE:FUNCTION; or a file of
        predictions for each frame, .json, .csv or .npz.
    data
        The folder imagenet-vid-robust of the benchmark's archive: metadata, misc, val.
    out
        The result to write, JSON; OUT.frames keeps the predictions.
    batch
        Frames at a time.
    device
        auto, cpu, cuda or cuda:N.
    json
        Print what is in OUT as JSON.
    """
    from vivi.api import robust as run_robust
    from vivi.console.base import feature_progress
    from vivi.console.robust import show_robustness

    with feature_progress("Frames") as progress:
        result = run_robust(encoder, data=data, out=out, batch=batch, device=device, progress=progress)
    show_robustness(result, out=out, json=json)

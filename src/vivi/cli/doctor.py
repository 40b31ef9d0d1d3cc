"""The verb that looks at a store before it is trained on."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vivi.cli.app import app
from vivi.cli.screen import RARE


@app.command
def doctor(
    store: Path,
    *,
    out: Path = Path("doctor.html"),
    json: Path | None = None,
    cuts: Path | None = None,
    videos: Annotated[int | None, Parameter(group=RARE)] = None,
    workers: Annotated[int | None, Parameter(group=RARE)] = None,
    estimate: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    tiny: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
) -> None:
    """Say what a shot store is worth for training and what is odd about it, in one HTML file.

    vivi doctor store
    vivi doctor store --cuts cuts.csv --json doctor.json
    vivi doctor store --estimate "VIVI-Ex(4)" --device cuda

    Parameters
    ----------
    store
        A store that `vivi ingest` wrote.
    out
        The page to write.
    json
        Write everything that was found to this file too, for programs.
    cuts
        Known cuts of some videos, CSV with the columns path and seconds: the threshold is fitted to them.
    videos
        Look at the frames of so many videos, spread evenly; all if not given.
    workers
        Threads that decode; one per core if not given.
    estimate
        A preset whose hours and memory on this machine are estimated; may be repeated; all: every preset.
    tiny
        Estimate the presets at the size that a CPU can train.
    device
        Where the presets would be trained: auto, cpu, cuda or cuda:N.
    """
    from vivi.api import doctor as run_doctor
    from vivi.console.doctor import doctor_progress, show_diagnosis

    with doctor_progress() as progress:
        found = run_doctor(
            store,
            out=out,
            json=json,
            cuts=cuts,
            videos=videos,
            workers=workers,
            estimate=estimate,
            tiny=tiny,
            device=device,
            progress=progress,
        )
    show_diagnosis(found, page=out.resolve(), record=json)

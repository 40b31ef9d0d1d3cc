"""The verb that looks at a store before it is trained on."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vivi.cli.app import app
from vivi.cli.screen import RARE

if TYPE_CHECKING:
    from vivi.experiment import Experiment


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
    from vivi.console.doctor import doctor_progress, estimate_progress, show_diagnosis
    from vivi.core.files import check_output
    from vivi.core.world import find_device
    from vivi.doctor.examine import examine
    from vivi.doctor.page import write_diagnosis
    from vivi.doctor.record import write_record
    from vivi.training.estimate import estimate as run_estimate

    for path in (out, json):
        if path is not None:
            check_output(path)
    asked = _experiments(estimate, tiny=tiny)
    with doctor_progress() as progress:
        found = examine(store, cuts=cuts, videos=videos, threads=workers, progress=progress)
    if asked:
        with estimate_progress() as progress:
            found = found.with_estimates(run_estimate(asked, device=find_device(device), progress=progress))
    given = {"--cuts": cuts, "--videos": videos, "--json": json, "--out": out}
    flags = [text for flag, value in given.items() if value is not None for text in (flag, str(value))]
    presets = [text for name in estimate for text in ("--estimate", name)] + (["--tiny"] if tiny else [])
    command = shlex.join(["vivi", "doctor", str(store), *flags, *presets])
    page = write_diagnosis(out, diagnosis=found, command=command)
    if json is not None:
        write_record(json, diagnosis=found)
    show_diagnosis(found, page=page, record=json)


def _experiments(names: tuple[str, ...], *, tiny: bool) -> list["Experiment"]:
    """The presets that are asked for, each once."""
    if not names:
        return []
    from vivi.presets import PRESETS, find
    from vivi.presets import tiny as shrink

    chosen = PRESETS if names == ("all",) else dict.fromkeys(names)
    return [shrink(find(name)) if tiny else find(name) for name in chosen]

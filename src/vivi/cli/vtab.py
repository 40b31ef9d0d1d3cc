"""The verb about transfer to other tasks: vtab."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vivi.cli.app import app
from vivi.core.errors import ViviError


@app.command
def vtab(
    encoder: str,
    *,
    data: Path | None = None,
    out: Path,
    task: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    folder: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    version: Literal[1, 2] = 2,
    examples: Literal["1000", "full"] = "1000",
    mode: Literal["finetune", "linear", "knn"] = "finetune",
    steps_scale: float = 1.0,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    jobs: int | None = None,
    engine: Literal["local", "ray"] = "local",
    device: str = "auto",
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Judge an encoder by VTAB's protocol on the tasks that are there. Interrupted, the same command goes on.

    Parameters
    ----------
    encoder
        An encoder folder; timm:NAME, with pretrained weights; timm:local-dir:FOLDER, with those in a folder;
        timm:random:NAME, with random ones; or python:MODULE:FUNCTION, any torch module with the attribute feature_dim.
    data
        The folder that holds the tasks, as for `vivi tasks`.
    out
        The folder of the study: a file for each run, and results.json.
    task
        Only the task of this name; may be repeated.
    folder
        Labelled images to judge on by the same protocol, beside VTAB; may be repeated.
    version
        Of VTAB: 1 selects settings on the whole validation set, as the paper's main tables; 2 on 200 images.
    examples
        1000, or all that a task has.
    mode
        finetune: VTAB; linear and knn: quick ones, on frozen features.
    steps_scale
        Shorten or lengthen all runs; another protocol, and marked so.
    set_
        Change one value of the protocol: --set recipe.batch=64; may be repeated.
    jobs
        Runs at the same time; one for each GPU, or one, if not given.
    engine
        local: processes of this machine; ray: the Ray cluster that it belongs to.
    device
        auto, cpu, cuda or cuda:N.
    dry_run
        Say how many runs and images there are and about how long they would take, and do nothing.
    json
        Print what is in OUT/results.json, or with --dry-run what would be done, as JSON.
    """
    from vivi.api import vtab as run_vtab
    from vivi.api.benchmarks import asked_protocol
    from vivi.console.vtab import show_plan, show_vtab, vtab_progress
    from vivi.transfer.vtab.plan import plan

    if dry_run:
        protocol = asked_protocol(version, examples, mode, steps_scale=steps_scale, assignments=set_)
        asked = plan(
            encoder, data=data, out=out, tasks=task, folders=folder, protocol=protocol, jobs=jobs, device=device
        )
        show_plan(asked, json=json)
        return
    with vtab_progress() as progress:
        found = run_vtab(
            encoder,
            data=data,
            out=out,
            task=task,
            folder=folder,
            version=version,
            examples=examples,
            mode=mode,
            steps_scale=steps_scale,
            set_=set_,
            jobs=jobs,
            engine=engine,
            device=device,
            progress=progress,
        )
    show_vtab(found, json=json)
    if found.failures:
        name, reason = found.failures[0]
        raise ViviError(f"{len(found.failures)} runs failed, first {name}: {reason}; the same command tries them again")

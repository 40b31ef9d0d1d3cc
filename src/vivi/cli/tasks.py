"""Verbs about downstream tasks: tasks, tasks check."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from vivi.cli.app import app

tasks = App(name="tasks", help="The 19 tasks of VTAB: what they are, which are here, whether their files are sound.")
app.command(tasks)


@tasks.default
def show(root: Path | None = None, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List the 19 tasks of VTAB, and which of them a folder has; docs/tasks.md says what to put where.

    Parameters
    ----------
    root
        The folder that holds the data sets.
    json
        Print JSON.
    """
    from vivi.api.tasks import show as look
    from vivi.console.tasks import show_tasks

    all_tasks, found = look(root)
    show_tasks(all_tasks, found=found, json=json)


@tasks.command
def check(
    root: Path,
    *,
    task: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    all_images: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Check the files of the tasks that a folder has: counts, classes, splits, and that the images decode.

    Parameters
    ----------
    root
        The folder that holds the data sets.
    task
        Only the task of this name; may be repeated.
    all_images
        Decode all images, not only the 1000 that are learned from.
    json
        Print JSON.
    """
    from vivi.api.tasks import check as run_check
    from vivi.console.tasks import check_progress, show_checked

    with check_progress() as progress:
        checked = run_check(root, task=task, all_images=all_images, progress=progress)
    show_checked(checked, json=json)

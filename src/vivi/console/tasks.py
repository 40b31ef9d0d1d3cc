"""What `vivi tasks` and `vivi tasks check` show."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from json import dumps as as_text
from typing import TYPE_CHECKING, Any

from rich.table import Table

from vivi.console.base import Bar, cell, console, plain
from vivi.core.errors import ViviError

if TYPE_CHECKING:
    from vivi.transfer.data_root.checking import Checked
    from vivi.transfer.data_root.finding import Found
    from vivi.transfer.task import Task

SHOWN = 3
"""Missing files of a task that are named."""


def show_tasks(tasks: Sequence["Task"], *, found: Sequence["Found"] | None, json: bool = False) -> None:
    """A table of tasks; where to get each, or where a folder was searched, what is missing of those not there."""
    here = [""] * len(tasks) if found is None else [_here(each) for each in found]
    if json:
        missing = [[]] * len(tasks) if found is None else [list(each.missing) for each in found]
        print(as_text([_as_json(*each) for each in zip(tasks, here, missing, strict=True)], indent=1))
        return
    table = Table(
        "task", "" if found is None else "here", "group", "classes", "train / val / test", "GB", "licence", box=None
    )
    for task, place in zip(tasks, here, strict=True):
        sizes = f"{task.sizes.train} / {task.sizes.val} / {task.sizes.test}"
        table.add_row(task.name, place, task.group, str(task.classes), sizes, f"{task.gigabytes:g}", cell(task.licence))
    console().print(table)
    if found is not None:
        _show_missing(found)
        return
    for task in tasks:
        plain(f"{task.name}: {task.folder}/ from {task.source}")


def _as_json(task: "Task", here: str, missing: list[str]) -> dict[str, Any]:
    about = {"name": task.name, "group": task.group, "classes": task.classes, "sizes": asdict(task.sizes)}
    about |= {"gigabytes": task.gigabytes, "licence": task.licence, "folder": task.folder, "source": task.source}
    return {**about, **({"here": here, "missing": missing} if here else {})}


def _show_missing(found: Sequence["Found"]) -> None:
    for each in found:
        if not each.is_there:
            plain(f"{each.task.name}: {_missing(each)}")
    in_part = sum(each.is_begun and not each.is_there for each in found)
    there = sum(each.is_there for each in found)
    plain(f"{there} of {len(found)} tasks are here" + (f", {in_part} in part" if in_part else ""))
    if not any(each.is_begun for each in found):
        plain("none of these folders is there: give the folder that holds them; docs/tasks.md says what to put where")


def _here(found: "Found") -> str:
    if not found.is_there:
        return "part" if found.is_begun else "no"
    if found.has_lists:
        return "lists"
    return "TFDS" if found.missing else "files"


def _missing(found: "Found") -> str:
    """What is missing in a few words, the folder where there is nothing of it, and where to get it."""
    if not found.is_begun:
        return f"missing {found.task.folder}/; from {found.task.source}"
    more = len(found.missing) - SHOWN
    names = ", ".join(found.missing[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"missing {names}" + ("" if found.has_lists else f"; from {found.task.source}")


@contextmanager
def check_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar over the images of one task after another: called with the task, images done and in all."""
    with Bar("Check", unit="images") as bar:
        yield lambda task, done, total: bar.update(done, total=total, text=task)


def show_checked(checked: Sequence["Checked"], *, json: bool = False) -> None:
    """Each task with where it comes from, what to know about it, and what is wrong with it.

    Raises:
        ViviError: something is wrong.
    """
    if json:
        print(as_text([_checked(each) for each in checked], indent=1))
    for each in () if json else checked:
        plain(f"{each.task.name}: {'wrong' if each.problems else 'sound'} ({each.origin})")
        for problem in each.problems:
            plain(f"    wrong: {problem}")
        for remark in each.remarks:
            plain(f"    {remark}")
    wrong = [each.task.name for each in checked if each.problems]
    if wrong:
        raise ViviError(f"{len(wrong)} of {len(checked)} tasks are wrong: {', '.join(wrong)}")
    if not json:
        plain(f"{len(checked)} of {len(checked)} tasks are sound")


def _checked(each: "Checked") -> dict[str, Any]:
    about: dict[str, Any] = {"task": each.task.name, "origin": each.origin}
    return {**about, "problems": list(each.problems), "remarks": list(each.remarks)}

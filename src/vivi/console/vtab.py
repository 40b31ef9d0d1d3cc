"""What `vivi vtab` shows."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from json import dumps as as_text
from typing import TYPE_CHECKING, Any

from rich.table import Table

from vivi.console.base import Bar, cell, console, plain

if TYPE_CHECKING:
    from vivi.transfer.vtab.judge import VtabProgress, VtabResults
    from vivi.transfer.vtab.plan import Plan


@contextmanager
def vtab_progress() -> Iterator[Callable[["VtabProgress"], None]]:
    """A bar for `vivi.transfer.vtab.judge.vtab` over image passes, which take equal time; runs do not."""
    began = time.monotonic()
    with Bar("VTAB", unit="image passes") as bar:

        def show(now: "VtabProgress") -> None:
            left = (time.monotonic() - began) * (now.total_cost - now.cost) / now.cost if now.cost else None
            parts = [f"{now.done} of {now.runs} runs"]
            parts += [f"about {duration(left)} left"] if left else []
            parts += [f"{now.failed} failed"] if now.failed else []
            bar.update(now.cost, total=now.total_cost, text=", ".join([*parts, now.last]).removesuffix(", "))

        yield show


def show_plan(plan: "Plan", *, json: bool = False) -> None:
    """What a call would do."""
    if json:
        print(as_text(asdict(plan), indent=1))
        return
    table = Table("", "", title="VTAB, nothing done yet", show_header=False)
    rows = [
        ("tasks", ", ".join(plan.tasks)),
        ("runs", f"{plan.runs}, of which {plan.done} are done"),
        ("images forward and backward", _range(plan.least.trained, plan.most.trained)),
        ("images forward", _range(plan.least.looked, plan.most.looked)),
        ("time, from a measured step", _durations(*plan.seconds)),
    ]
    for name, value in rows:
        table.add_row(name, cell(value))
    console().print(table)
    for line in plan.left_out:
        plain(f"left out, not whole: {line}")
    plain("Least and most, by which settings are chosen; the time is without reading images.")


def show_vtab(found: "VtabResults", *, json: bool = False) -> None:
    """Accuracy of each task, means over complete groups, and what is missing or failed."""
    if json:
        print(as_text(found.record, indent=1))
        return
    tasks: dict[str, dict[str, Any]] = found.record["tasks"]
    table = Table("task", "group", "test accuracy", "repeats", "setting", "test images")
    for task in tasks.values():
        repeats = " ".join(f"{each:.1%}" for each in task["repeats"])
        setting = ", ".join(f"{name} {value}" for name, value in task["setting"].items())
        accuracy = f"{task['accuracy']:.1%}{'' if task['is_official'] else ' *'}"
        table.add_row(cell(task["title"]), cell(task["group"]), accuracy, repeats, cell(setting), str(task["total"]))
    console().print(table)
    for name, task in tasks.items():
        for remark in task["remarks"]:
            plain(f"{name}: {remark}")
    if any(not task["is_official"] for task in tasks.values()):
        plain("* not the examples or test images of VTAB")
    for change in found.record["departures"]:
        plain(f"not VTAB's protocol: {change}")
    for line in means(found.record):
        plain(line)
    for line in found.left_out:
        plain(f"left out, not whole: {line}")
    for name, reason in found.failures:
        plain(f"failed: {name}: {reason}")
    plain(f"{found.path}")


def means(record: dict[str, Any]) -> Iterator[str]:
    """A line for each group and for all of VTAB; * marks means over tasks with other examples than VTAB's."""
    groups, tasks = record["groups"], record["tasks"].values()
    for name, group in groups.items():
        is_official = all(task["is_official"] for task in tasks if task["group"] == name)
        yield f"{name}: {_mean(group['mean'], there=group['tasks'], of=group['of'], is_official=is_official)}"
    of, there = (sum(group[key] for group in groups.values()) for key in ("of", "tasks"))
    is_official = all(task["is_official"] for task in tasks if task["group"] in groups)
    yield f"VTAB: {_mean(record['mean'], there=there, of=of, is_official=is_official)}"


def duration(seconds: float) -> str:
    """Such as "3 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"{seconds / 86400:.1f} days"


def _mean(mean: float | None, *, there: int, of: int, is_official: bool) -> str:
    if mean is None:
        return f"no mean, {there} of {of} tasks"
    return f"mean {mean:.1%}{'' if is_official else ' *'} over {of} tasks"


def _range(least: int, most: int) -> str:
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"


def _durations(least: float, most: float) -> str:
    low, high = duration(least), duration(most)
    return low if low == high else f"{low} to {high}"

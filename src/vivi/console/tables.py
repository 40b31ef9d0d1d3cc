"""What `vivi tables` and `vivi compare` show."""

from json import dumps as as_text
from typing import TYPE_CHECKING, Any

from rich.table import Table

from vivi.console.base import cell, console, plain

if TYPE_CHECKING:
    from vivi.report.changes import Change
    from vivi.report.comparison import Compared, Comparison, GroupChange
    from vivi.report.measures import Measure, Side
    from vivi.report.tables_folder import Written


def show_tables(written: "Written") -> None:
    """The means, and where everything is."""
    first = written.exhibits[0].table
    table = Table("", "source", *first.columns, title=cell(first.title))
    for line in first.lines:
        cells = [entry.reason if entry.percent is None else f"{entry.percent:.1f}" for entry in line.entries]
        table.add_row(cell(line.label), line.whose.value, *map(cell, cells))
    console().print(table)
    plain(f"{len(written.sources)} result files, {len(written.exhibits)} tables and figures")
    plain(f"{written.page}")


def show_comparison(found: "Comparison", *, json: bool = False) -> None:
    """Tasks, groups, and what the intervals hold; or the same as JSON, accuracies and changes as shares."""
    from vivi.report.comparison import HELD

    if json:
        print(as_text(_comparison(found), indent=1))
        return
    plain(f"A: {found.before.encoder} {found.before.fingerprint} ({found.before.path})")
    plain(f"B: {found.after.encoder} {found.after.fingerprint} ({found.after.path})")
    table = Table("task", "group", "A", "B", "change", "95 % interval", "repeats")
    for task in found.tasks:
        change = task.change
        cells = (_accuracy(task.before), _accuracy(task.after), _points(change), _interval(change), f"{change.pairs}")
        table.add_row(cell(task.before.title), cell(task.before.group), *cells)
    console().print(table)
    if found.groups:
        _show_groups(found)
    for titles, side in ((found.only_before, "A"), (found.only_after, "B")):
        if titles:
            plain(f"only in {side}: {', '.join(titles)}")
    for line in (*found.remarks, *HELD):
        plain(line)


def _show_groups(found: "Comparison") -> None:
    table = Table("mean of VTAB over", "A", "B", "change", "95 % interval", "tasks")
    for group in found.groups:
        tasks = f"{group.counted} of {group.of}"
        if group.before is None or group.after is None or group.change is None:
            table.add_row(group.name, "incomplete", "incomplete", "", "", tasks)
        else:
            both = (f"{100 * group.before:.1f}", f"{100 * group.after:.1f}")
            table.add_row(group.name, *both, _points(group.change), _interval(group.change), tasks)
    console().print(table)


def _comparison(found: "Comparison") -> dict[str, Any]:
    return {
        "a": _side(found.before),
        "b": _side(found.after),
        "tasks": [_task(each) for each in found.tasks],
        "groups": [_group(each) for each in found.groups],
        "only_a": list(found.only_before),
        "only_b": list(found.only_after),
        "remarks": list(found.remarks),
    }


def _side(side: "Side") -> dict[str, str]:
    return {"encoder": side.encoder, "fingerprint": side.fingerprint, "path": str(side.path)}


def _task(task: "Compared") -> dict[str, Any]:
    sides = {name: _measure(measure) for name, measure in (("a", task.before), ("b", task.after))}
    return {"task": task.before.title, "group": task.before.group, **sides, "change": _change(task.change)}


def _measure(measure: "Measure") -> dict[str, Any]:
    return {"accuracy": measure.accuracy, "interval": list(measure.interval), "repeats": dict(measure.repeats)}


def _group(group: "GroupChange") -> dict[str, Any]:
    change = None if group.change is None else _change(group.change)
    means = {"a": group.before, "b": group.after, "change": change}
    return {"group": group.name, **means, "tasks": group.counted, "of": group.of}


def _change(change: "Change") -> dict[str, Any]:
    interval = None if change.interval is None else list(change.interval)
    return {"value": change.value, "interval": interval, "repeats": change.pairs, "is_clear": change.is_clear}


def _accuracy(measure: "Measure") -> str:
    low, high = measure.interval
    return f"{100 * measure.accuracy:.1f} \\[{100 * low:.1f}, {100 * high:.1f}]"


def _points(change: "Change") -> str:
    return f"{100 * change.value:+.1f}{' *' if change.is_clear else ''}"


def _interval(change: "Change") -> str:
    if change.interval is None:
        return "none"
    return f"{100 * change.interval[0]:+.1f} to {100 * change.interval[1]:+.1f}"

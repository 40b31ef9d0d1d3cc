"""What `vivi tables` and `vivi compare` show."""

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from vivi.console.base import console, plain

if TYPE_CHECKING:
    from vivi.report.changes import Change
    from vivi.report.comparison import Comparison
    from vivi.report.measures import Measure
    from vivi.report.tables_folder import Written


def show_tables(written: "Written") -> None:
    """The means, and where everything is."""
    first = written.exhibits[0].table
    table = Table("", "source", *first.columns, title=escape(first.title))
    for line in first.lines:
        cells = [entry.reason if entry.percent is None else f"{entry.percent:.1f}" for entry in line.entries]
        table.add_row(escape(line.label), line.whose.value, *map(escape, cells))
    console().print(table)
    plain(f"{len(written.sources)} result files, {len(written.exhibits)} tables and figures")
    plain(f"{written.page}")


def show_comparison(found: "Comparison") -> None:
    """Tasks, groups, and what the intervals hold."""
    from vivi.report.comparison import HELD

    plain(f"A: {found.before.encoder} {found.before.fingerprint} ({found.before.path})")
    plain(f"B: {found.after.encoder} {found.after.fingerprint} ({found.after.path})")
    table = Table("task", "group", "A", "B", "change", "95 % interval", "repeats")
    for task in found.tasks:
        change = task.change
        cells = (_accuracy(task.before), _accuracy(task.after), _points(change), _interval(change), f"{change.pairs}")
        table.add_row(escape(task.before.title), task.before.group, *cells)
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


def _accuracy(measure: "Measure") -> str:
    low, high = measure.interval
    return f"{100 * measure.accuracy:.1f} \\[{100 * low:.1f}, {100 * high:.1f}]"


def _points(change: "Change") -> str:
    return f"{100 * change.value:+.1f}{' *' if change.is_clear else ''}"


def _interval(change: "Change") -> str:
    if change.interval is None:
        return "none"
    return f"{100 * change.interval[0]:+.1f} to {100 * change.interval[1]:+.1f}"

"""Verbs about results: tables, compare."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vivi.cli.app import app


@app.command
def tables(*results: Path, out: Path) -> None:
    """Write the paper's tables and figures with what was measured beside what was published.

    Parameters
    ----------
    results
        Results of the 19 tasks (results.json) and of `vivi robust`, or folders that hold some.
    out
        The folder to write: Markdown, CSV, LaTeX and SVG; tables.md has all of it.
    """
    from vivi.api import tables as run_tables
    from vivi.console.tables import show_tables

    show_tables(run_tables(results, out=out))


@app.command
def compare(a: Path, b: Path, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show what changed from A to B, task by task and group by group, with intervals.

    Parameters
    ----------
    a
        Results of one encoder: results.json, scores.json of `vivi evaluate`, a result of `vivi robust`, or a folder
        that holds them.
    b
        Results of another encoder on the same tasks, under the same protocol.
    json
        Print JSON.
    """
    from vivi.api import compare as run_compare
    from vivi.console.tables import show_comparison

    show_comparison(run_compare(a, b), json=json)

"""What all verbs show with: a progress bar, tables, plain lines."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from vivi.core.visible import visible

PLAIN_SECONDS = 10.0
"""Between two lines of progress where there is no terminal."""
PLAIN_WIDTH = 120
"""Columns of tables where there is no terminal."""


def console() -> Console:
    """Standard output; tables keep their shape in a pipe or a file."""
    return Console(width=None if sys.stdout and sys.stdout.isatty() else PLAIN_WIDTH)


def cell(value: object) -> str:
    """A name or value as the text of a table's cell or of a bar: nothing in it is markup or moves a terminal."""
    return escape(visible(str(value)))


class Bar:
    """A progress bar with one line of text behind it."""

    def __init__(self, title: str, *, unit: str) -> None:
        self._console = Console(stderr=True)
        self._title, self._unit = title, unit
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[text]}"))
        self._progress = Progress(*columns, *times, console=self._console, disable=not self._console.is_terminal)
        self._task = self._progress.add_task(cell(title), total=None, text="")
        self._said, self._ended = time.monotonic(), False

    def __enter__(self) -> "Bar":
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._progress.stop()

    def update(self, done: int, *, total: int | None, text: str = "") -> None:
        """Show that `done` of `total` are done."""
        self._progress.update(self._task, completed=done, total=total, text=cell(text))
        now = time.monotonic()
        self._ended = self._ended and done == total  # a second round has an end of its own
        ended = done == total and not self._ended
        if not self._console.is_terminal and done and (now - self._said > PLAIN_SECONDS or ended):
            self._said, self._ended = now, done == total
            of = "" if total is None else f"/{total}"
            line = f"{self._title}: {done}{of} {self._unit} {text}".rstrip()
            self._console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def feature_progress(title: str, *, unit: str = "images") -> Iterator[Callable[[int, int], None]]:
    """A bar for passes over images or videos: called with those done and those in all."""
    with Bar(title, unit=unit) as bar:
        yield lambda done, total: bar.update(done, total=total)


def plain(text: str) -> None:
    """One line, never folded or coloured: paths can be copied and piped. What cannot be seen is shown as an escape."""
    console().print(visible(text), markup=False, highlight=False, soft_wrap=True)

"""A table whose every row says whose figures it has: printed by somebody, or measured here."""

from dataclasses import dataclass
from enum import Enum


class Whose(Enum):
    """Where a row comes from."""

    PUBLISHED = "published"
    MEASURED = "measured"


class Mark(Enum):
    """Why a figure is not quite what its column says: symbol, and the same in LaTeX, and in words."""

    UNOFFICIAL = ("‡", r"$^\ddagger$", "other examples or test images than VTAB's, or a mean that holds such a task")
    FROZEN = ("§", r"$^\S$", "frozen features instead of fine-tuning, in no mean")
    PROTOCOL = ("†", r"$^\dagger$", "not under VTAB's protocol, the row says in what")
    OTHER = ("¶", r"$^\P$", "not a task of VTAB, in no mean")
    UNANSWERED = ("#", r"$^\#$", "frames without a prediction counted as wrong")
    PART = ("%", r"$^\%$", "not the whole benchmark")

    def __init__(self, symbol: str, latex: str, words: str) -> None:
        self.symbol, self.latex, self.words = symbol, latex, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One figure in percent or in points, or the reason why there is none."""

    percent: float | None = None
    interval: tuple[float, float] | None = None
    """95 %."""
    reason: str = ""
    """In place of a figure: "not printed", "5 of 7 tasks"."""
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row."""

    label: str
    """The name, and what tells it apart from others of that name."""
    name: str = ""
    """Of the encoder or preset alone."""
    whose: Whose
    details: str
    """The place where it is printed, or how it was measured."""
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows over named columns."""

    key: str
    """What its files are called."""
    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    signed: bool = False
    """Whether its figures are differences."""

    def __post_init__(self) -> None:
        for line in self.lines:
            if len(line.entries) != len(self.columns):
                raise ValueError(f"{self.key}, {line.label}: {len(line.entries)} figures, {len(self.columns)} columns")

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Those that occur, in their order."""
        used = {mark for line in self.lines for entry in line.entries for mark in entry.marks}
        return tuple(mark for mark in Mark if mark in used)


NOT_PRINTED = Entry(reason="not printed")
NOT_MEASURED = Entry(reason="not measured")
LEGEND = (
    "published: copied from the place named in the row, not measured here.",
    "measured: from result files of vivi.",
)
"""What the words in the column of sources mean; stands below every table."""


def printed(value: float | None) -> Entry:
    """A published figure, in percent."""
    return NOT_PRINTED if value is None else Entry(percent=value)

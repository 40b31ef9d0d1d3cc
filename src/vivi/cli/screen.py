"""How help looks: usage, what it does, examples, then flags or verbs in two columns, without boxes.

In a docstring, a paragraph whose lines all begin with `vivi` (or torchrun, python) is a block of examples and keeps its
lines; any other paragraph is filled anew for the width of the screen.
"""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from cyclopts import Group

EVERYTHING = "--help-all"
"""In the place of --help it describes the rare flags too."""
RARE = Group("Rarely needed", sort_key=9)
"""Flags that help only names."""
_WIDEST = 100
_INDENT = "  "
_LABELS = (12, 24)
"""The narrowest and the widest column of names."""
_EXAMPLES = ("vivi ", "torchrun ", "python ")
_SAYS_NOTHING = {"None", "False", "()", "[]"}
"""Defaults that a description says better."""
SECTIONS = {
    "From videos to an encoder": ("ingest", "doctor", "browse", "pretrain", "evaluate", "report", "demo"),
    "With an encoder": ("export", "embed", "compare", "convert"),
    "Benchmarks": ("tasks", "vtab", "robust", "detect", "tables"),
}
"""The verbs in the order in which a newcomer meets them; those that are not named here come last."""


class Screen:
    """A help formatter for cyclopts."""

    show_metavar = True

    def __init__(self) -> None:
        self.shows_everything = False
        """Whether rare flags are described."""

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:  # noqa: ARG002 (cyclopts' signature)
        """The line on top."""
        text = str(getattr(usage, "plain", usage) or "").strip()
        if text:
            _say(console, f"Usage: {text.removeprefix('Usage: ')}\n")

    def render_description(self, console: Any, options: Any, description: Any) -> None:  # noqa: ARG002
        """What the verb does, and its examples."""
        for paragraph in _plain(description).split("\n\n"):
            lines = [line.strip() for line in paragraph.strip().splitlines()]
            if lines and all(line.startswith(_EXAMPLES) for line in lines):
                _say(console, "\n".join(f"{_INDENT}{line}" for line in lines) + "\n")
            elif lines:
                _say(console, _filled(" ".join(lines), _width(console)) + "\n")

    def __call__(self, console: Any, options: Any, panel: Any) -> None:  # noqa: ARG002
        """A list of flags or of verbs."""
        entries = [each for each in panel.entries if _label(each)]
        if _plain(panel.title) == RARE.name and not self.shows_everything:
            names = ", ".join(each.positive_names[0] for each in entries)
            _say(console, _filled(f"{RARE.name}, described by {EVERYTHING}: {names}", _width(console)) + "\n")
            return
        if panel.format == "command" and any(each.names[0] in _ordered() for each in entries if each.names):
            for title, group in _sections(entries):
                rows = [(_label(each), _first_sentence(_told(each))) for each in group]
                if rows:
                    _columns(console, title, rows)
        else:
            _list(console, _plain(panel.title), entries)


def _ordered() -> tuple[str, ...]:
    return tuple(name for names in SECTIONS.values() for name in names)


def _sections(entries: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Verbs in their sections; then the rest, flags of the program last."""
    left = {entry.names[0]: entry for entry in entries if entry.names}
    for title, names in SECTIONS.items():
        yield title, [left.pop(name) for name in names if name in left]
    yield "More", list(left.values())


def _first_sentence(text: str) -> str:
    """What stands before the first full stop that ends a sentence, or a semicolon."""
    return text.split(". ")[0].split("; ")[0].rstrip(".") + "."


def _list(console: Any, title: str, entries: Iterable[Any]) -> None:
    if rows := [(_label(each), _told(each)) for each in entries]:
        _columns(console, title, rows)


def _columns(console: Any, title: str, rows: list[tuple[str, str]]) -> None:
    narrow, wide = _LABELS
    column = min(max(narrow, *(len(label) for label, _ in rows)), wide)
    _say(console, f"{title}:", style="bold")
    behind = " " * (len(_INDENT) + column + 2)
    for label, told in rows:
        text = _filled(told, max(20, _width(console) - len(behind))).split("\n")
        first = f"{_INDENT}{label:{column}}  {text[0]}"
        lines = [first] if len(label) <= column else [f"{_INDENT}{label}", f"{behind}{text[0]}"]
        _say(console, "\n".join([*lines, *(f"{behind}{line}" for line in text[1:])]))
    _say(console, "")


def _filled(text: str, width: int) -> str:
    """Lines of at most `width` columns; names of flags are not divided."""
    return textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)


def _label(entry: Any) -> str:
    """Such as "SOURCES", "--out PATH" or "ingest"."""
    if entry.positional_label:
        return str(entry.positional_label)
    names = " ".join((*entry.positive_names, *entry.positive_shorts))
    return f"{names} {entry.metavar}" if entry.metavar else names


def _told(entry: Any) -> str:
    """Description, with the default where it says something."""
    text = " ".join(_plain(entry.description).split())
    extra = []
    if entry.choices:
        extra.append(f"one of {', '.join(entry.choices)}")
    if entry.required:
        extra.append("required")
    elif entry.default is not None and str(entry.default) not in _SAYS_NOTHING:
        extra.append(f"default {entry.default}")
    return f"{text} ({'; '.join(extra)})" if extra else text


def _plain(given: Any) -> str:
    """The text of what cyclopts hands on; quotes of code are left out, a terminal shows them as they are."""
    inner = getattr(given, "primary_renderable", given)
    return str(getattr(inner, "plain", "" if inner is None else inner)).replace("`", "")


def _width(console: Any) -> int:
    return min(int(console.width), _WIDEST)


def _say(console: Any, text: str, *, style: str | None = None) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

"""The paper's Figures 2, 3 and 4 as SVG files: published figures hatched or dashed, measured ones solid."""

import dataclasses
import io
import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vivi.core.visible import visible
from vivi.report import published
from vivi.report.figures import COLOURS, STYLE
from vivi.report.paper_tables import MEAN_COLUMNS
from vivi.report.table_text import figure_text
from vivi.report.tables import Entry, Line, Table, Whose
from vivi.transfer.task import GROUPS

GROUP_COLOURS = {"natural": "#D55E00", "specialized": "#009E73", "structured": "#0072B2"}
"""As in the paper's Figure 4: red, green, blue; in tones told apart with every common colour vision."""
_PALETTE = (*COLOURS, "#8C6D31", "#7B7B7B", "#5E3C99", "#A6CEE3", "#B2DF8A")
_HATCH = "////"
_HOLLOW = "#ffffff"
_DASHED = (0, (3, 1.5))
_WHISKER = "#333333"
_LONGEST = 34
_STYLE = {
    **STYLE,
    "svg.fonttype": "path",
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "text.parse_math": False,
    "hatch.linewidth": 0.7,
}


def figure_of_means(table: Table) -> str:
    """Bars for each row of means, side by side: mean, natural, specialized, structured (paper, Figures 2 and 3)."""
    shown = [line for line in table.lines if any(entry.percent is not None for entry in line.entries)]
    colours = _colours(shown)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        width = 0.86 / max(len(shown), 1)
        for number, (line, colour) in enumerate(zip(shown, colours, strict=True)):
            _bars(axes, line, left=(number - (len(shown) - 1) / 2) * width, width=width, colour=colour)
        axes.set_xticks(range(len(MEAN_COLUMNS)), MEAN_COLUMNS)
        axes.set_ylabel("accuracy, %")
        axes.set_ylim(0, 100)
        axes.tick_params(axis="x", length=0)
        axes.set_title(table.title.removesuffix(", in %"))
        handles = [_patch(line, colour) for line, colour in zip(shown, colours, strict=True)]
        figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=8, handlelength=1.4)

    return _svg(draw, size=(max(8.0, 1.6 + 1.3 * len(shown)), 3.9), key=table.key, title=table.title)


def _colours(lines: Sequence[Line]) -> list[str]:
    """A published row and the first measured one of its name share a colour; every other row has its own."""
    seen: Counter[tuple[str, Whose]] = Counter()
    keys = []
    for line in lines:
        keys.append((line.name, seen[line.name, line.whose]))
        seen[line.name, line.whose] += 1
    order = list(dict.fromkeys(keys))
    return [_PALETTE[order.index(key) % len(_PALETTE)] for key in keys]


def _bars(axes: Axes, line: Line, *, left: float, width: float, colour: str) -> None:
    for at, entry in enumerate(line.entries):
        middle = at + left
        if entry.percent is None:
            axes.text(middle, 1, entry.reason, rotation=90, ha="center", va="bottom", fontsize=6.5, color="#777777")
        else:
            solid = line.whose is Whose.MEASURED
            face, hatch = (colour, None) if solid else (_HOLLOW, _HATCH)
            axes.bar(middle, entry.percent, width * 0.9, color=face, edgecolor=colour, hatch=hatch, linewidth=0.9)
            axes.text(middle, entry.percent + 1, _figure(entry), ha="center", va="bottom", fontsize=6.5)


def _figure(entry: Entry, *, signed: bool = False) -> str:
    """A figure with its marks, without its interval."""
    text = figure_text(dataclasses.replace(entry, interval=None), signed=signed)
    return text + "".join(mark.symbol for mark in entry.marks)


def _patch(line: Line, colour: str) -> Patch:
    label = f"{shortened(line.label)}, {line.whose.value}"
    if line.whose is Whose.MEASURED:
        return Patch(facecolor=colour, edgecolor=colour, label=label)
    return Patch(facecolor=_HOLLOW, edgecolor=colour, hatch=_HATCH, label=label)


def figure_of_changes(table: Table) -> str:
    """For each measured pair a row of bars, one for each task; dashed, the published change of each group's mean."""
    pairs = [line for line in table.lines if line.whose is Whose.MEASURED]
    printed = next(line for line in table.lines if line.whose is Whose.PUBLISHED)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(max(len(pairs), 1), 1, squeeze=False, sharex=True)[:, 0]
        for number, panel in enumerate(panels):
            if number < len(pairs):
                _changes(panel, pairs[number])
            else:
                panel.text(0.5, 0.9, "tasks not measured", transform=panel.transAxes, ha="center", color="#777777")
            _printed_changes(panel, printed)
            panel.axhline(0, color="#333333", linewidth=0.8)
            panel.set_ylabel("points")
            panel.tick_params(axis="x", length=0)
            told = (
                f"Figure 4: {shortened(pairs[number].label, 90)}" if pairs else table.title.removesuffix(", in points")
            )
            panel.set_title(told)
        titles = [task.title for task in published.TASKS]
        panels[-1].set_xticks(range(len(titles)), titles, rotation=45, ha="right", rotation_mode="anchor")
        figure.legend(handles=_group_handles(bool(pairs)), loc="outside lower left", ncols=4, frameon=False, fontsize=8)

    return _svg(draw, size=(9.0, 1.4 + 2.6 * max(len(pairs), 1)), key=table.key, title=table.title)


def _changes(panel: Axes, line: Line) -> None:
    for at, (task, entry) in enumerate(zip(published.TASKS, line.entries[len(GROUPS) :], strict=True)):
        if entry.percent is None:
            panel.text(at, 0, " missing", rotation=90, ha="center", va="bottom", fontsize=6.5, color="#777777")
            continue
        panel.bar(at, entry.percent, 0.72, color=GROUP_COLOURS[task.group])
        if entry.interval is not None:
            panel.plot([at, at], entry.interval, color=_WHISKER, linewidth=0.9, zorder=4)
        up = entry.percent >= 0
        end = max(entry.percent, *(entry.interval or (0,))) if up else min(entry.percent, *(entry.interval or (0,)))
        shift = 2 if up else -2
        panel.annotate(
            _figure(entry, signed=True), (at, end), xytext=(0, shift),
            textcoords="offset points", ha="center", va="bottom" if up else "top", fontsize=6.5, zorder=5,
            bbox={"facecolor": _HOLLOW, "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip
    panel.margins(y=0.12)


def _printed_changes(panel: Axes, line: Line) -> None:
    groups = [task.group for task in published.TASKS]
    for group, entry in zip(GROUPS, line.entries, strict=False):
        first, last = groups.index(group), len(groups) - 1 - groups[::-1].index(group)
        if entry.percent is not None:
            span = [first - 0.45, last + 0.45]
            panel.plot(span, [entry.percent] * 2, color=_HOLLOW, linewidth=3.2, zorder=2.5)
            panel.plot(
                span, [entry.percent] * 2, color=GROUP_COLOURS[group], linewidth=1.5, linestyle=_DASHED, zorder=3
            )


def _group_handles(measured: bool) -> list[Artist]:
    means: list[Artist] = [
        Line2D([], [], color=colour, linestyle=_DASHED, label=f"{group}: mean, published")
        for group, colour in GROUP_COLOURS.items()
    ]
    if not measured:
        return means
    bars = [Patch(color=colour, label=f"{group}: tasks, measured") for group, colour in GROUP_COLOURS.items()]
    whisker = Line2D([], [], color=_WHISKER, linewidth=0.9, label="95 % interval over repeats")
    return [*(each for pair in zip(means, bars, strict=True) for each in pair), whisker]


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Text cut in its middle, where names differ least; what nobody sees and no XML can hold stands as escapes."""
    text = visible(text)
    before, behind = longest // 2, (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:before]}\N{HORIZONTAL ELLIPSIS}{text[-behind:]}"


def _svg(draw: Callable[[Figure], None], *, size: tuple[float, float], key: str, title: str) -> str:
    """A file that stands by itself; the same figure gives the same text."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": key}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # drawn as a box
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        text = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Title": title}
        figure.savefig(text, format="svg", metadata=metadata)
    return text.getvalue()

"""Figures as SVG text for one page: no font files, no time stamps, no links, and no id that occurs twice."""

import html
import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vivi.core.visible import visible
from vivi.report.runs import Curve, Run
from vivi.report.score_table import Column, ScoreTable

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito: told apart with every common colour vision."""
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
MONITORS = {
    "feature_std": "Spread of unit-length features",
    "effective_rank": "Effective rank of features",
    "knn": "Online kNN accuracy",
}
PACE = {
    "learning_rate": "Learning rate",
    "gradient_norm": "Norm of the gradient",
    "frames_per_second": "Frames a second",
    "data_wait": "Share of time waiting for data",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
}
"""What all figures look like."""
_FONT = "system-ui, sans-serif"
_PANEL_WIDTH, _PANEL_HEIGHT = 3.3, 2.3
_SMALLEST = 1e-7
"""Shares below this are the rounding of float32."""
_DRAWN = 1000
"""Points of a moving mean at most."""
_SMOOTHED_FROM = 40
"""Curves of at least so many points are drawn faintly, with their moving mean over a tenth of them."""


def loss_figure(runs: Sequence[Run], *, key: str) -> str | None:
    """One panel for each loss part, a line for each run, dotted where knowing nothing lies; None without any curve."""
    parts = tuple(dict.fromkeys(part for run in runs for part in run.loss_parts))
    return _panels(runs, keys={part: part for part in parts}, key=key)


def monitor_figure(runs: Sequence[Run], *, key: str) -> str | None:
    """What shows a collapse: spread and effective rank of the features, and online kNN; None without any curve."""
    return _panels(runs, keys=_logged(runs, MONITORS), key=key)


def pace_figure(runs: Sequence[Run], *, key: str) -> str | None:
    """How a run goes: learning rate, size of the gradient, speed, waiting; None without any curve."""
    return _panels(runs, keys=_logged(runs, PACE), key=key)


def spectrum_figure(runs: Sequence[Run], *, key: str) -> str | None:
    """The spectrum of each run's features, on scales of powers of ten; None where no run has one."""
    if not any(run.spectrum for run in runs):
        return None
    with mpl.rc_context({**STYLE, "svg.hashsalt": key}):
        figure = Figure(figsize=(1.6 * _PANEL_WIDTH, _PANEL_HEIGHT), layout="constrained")
        panel = figure.subplots()
        for number, run in enumerate(runs):
            shares = [share for share in run.spectrum if share > _SMALLEST]
            colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
            panel.plot(range(1, len(shares) + 1), shares, color=colour, linestyle=dash, linewidth=1.6)
        panel.set(xscale="log", yscale="log", xlabel="principal axis", title="Share of the features' variance")
        return inline_svg(figure, key=key, label="Share of the features' variance along each principal axis")


def _logged(runs: Sequence[Run], titles: dict[str, str]) -> dict[str, str]:
    return {name: title for name, title in titles.items() if any(run.curve(name).steps for run in runs)}


def _panels(runs: Sequence[Run], *, keys: dict[str, str], key: str) -> str | None:
    if not keys:
        return None
    with mpl.rc_context({**STYLE, "svg.hashsalt": key}):
        figure = Figure(figsize=(_PANEL_WIDTH * len(keys), _PANEL_HEIGHT), layout="constrained")
        axes = figure.subplots(1, len(keys), squeeze=False)[0]
        for panel, (name, title) in zip(axes, keys.items(), strict=True):
            panel.set_title(_short(title, 40), parse_math=False)
            panel.set_xlabel("step")
            panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            panel.yaxis.set_major_locator(MaxNLocator(5))
            for number, run in enumerate(runs):
                _line(panel, run.curve(name), chance=run.chance.get(name), number=number)
        return inline_svg(figure, key=key, label=f"Curves over the training steps: {', '.join(keys.values())}")


def _line(panel: Axes, curve: Curve, *, chance: float | None, number: int) -> None:
    if not curve.steps:
        return
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    marker = "o" if len(curve.steps) == 1 else ""
    if len(curve.steps) >= _SMOOTHED_FROM:
        panel.plot(curve.steps, curve.values, color=colour, linewidth=0.8, alpha=0.3)
        curve = moving_mean(curve, points=len(curve.steps) // 10)
    panel.plot(curve.steps, curve.values, color=colour, linewidth=1.6, linestyle=dash, marker=marker, markersize=4)
    if chance is not None:
        panel.axhline(chance, color=colour, linewidth=1.0, linestyle=(0, (1, 3)))


def score_figure(table: ScoreTable, *, key: str) -> str | None:
    """One panel for each task, a dot with its 95 % interval for each method and probe, dotted where guessing lies."""
    if not table.cells:
        return None
    tasks = tuple(dict.fromkeys(column.task for column in table.columns))
    with mpl.rc_context({**STYLE, "svg.hashsalt": key}):
        height = 0.8 + 0.36 * len(table.methods)
        figure = Figure(figsize=(_PANEL_WIDTH * len(tasks), height), layout="constrained")
        axes = figure.subplots(1, len(tasks), squeeze=False, sharey=True)[0]
        for panel, task in zip(axes, tasks, strict=True):
            _intervals(panel, table, columns=[column for column in table.columns if column.task == task])
            panel.set_title(_short(task, 40), parse_math=False)
        axes[0].set_yticks(range(len(table.methods)), [_short(name, 28) for name in table.methods], parse_math=False)
        axes[0].invert_yaxis()
        label = f"Accuracies with 95 % intervals on {', '.join(tasks)}; the numbers stand in the table"
        return inline_svg(figure, key=key, label=label)


def _intervals(panel: Axes, table: ScoreTable, *, columns: Sequence[Column]) -> None:
    probes = sorted({column.probe for column in table.columns})
    for column in columns:
        at = probes.index(column.probe)
        for row, method in enumerate(table.methods):
            cell = table.cells.get((method, column))
            if cell is not None:
                y = row + 0.28 * (at - (len(probes) - 1) / 2)
                colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
                panel.plot([100 * cell.low, 100 * cell.high], [y, y], color=colour, linewidth=1.6)
                panel.plot([100 * cell.accuracy], [y], color=colour, marker=marker, markersize=4.5)
        colour = "#666666" if column.guessing == columns[0].guessing else COLOURS[at % len(COLOURS)]
        panel.axvline(100 * column.guessing, color=colour, linewidth=1.0, linestyle=(0, (1, 3)))
    panel.set_xlabel("accuracy, %")
    panel.xaxis.set_major_locator(MaxNLocator(5))
    panel.set_xlim(left=0)
    panel.set_ylim(-0.6, len(table.methods) - 0.4)


def _short(text: str, longest: int) -> str:
    """Text cut in its middle to leave room for the curves: names differ at their ends. The tables have it whole."""
    text = visible(text)
    before, behind = longest // 2, (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:before]}\N{HORIZONTAL ELLIPSIS}{text[-behind:]}"


def moving_mean(curve: Curve, *, points: int) -> Curve:
    """The mean of a value and the `points` - 1 before it, as far as there are that many.

    Of a long curve _DRAWN places that are spread evenly are kept, the last one among them.
    """
    values, every = np.asarray(curve.values), -(-len(curve.values) // _DRAWN)
    ends = range(len(values), 0, -every)[::-1]
    means = tuple(float(values[max(0, end - points) : end].mean()) for end in ends)
    return Curve(steps=tuple(curve.steps[end - 1] for end in ends), values=means)


def inline_svg(figure: Figure, *, key: str, label: str) -> str:
    """A figure as an <svg> element whose ids all begin with `key`; the same figure gives the same text."""
    text = io.StringIO()
    with warnings.catch_warnings():  # a letter that this font lacks stays text, the reader's own font has it
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return inlined(text.getvalue(), key=key, label=label)


def inlined(text: str, *, key: str, label: str) -> str:
    """An SVG file of matplotlib's as an element for a page."""
    svg = text[text.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href=", "href=")
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r'href="#', f'href="#{key}-', svg)
    svg = re.sub(r"url\(#", f"url(#{key}-", svg)
    svg = re.sub(r"font-family: [^;\"]*", f"font-family: {_FONT}", svg)
    return _OPENING.sub(lambda found: _opening(found[0], label=label), svg, count=1)


_OPENING = re.compile(r"<svg[^>]*>")


def _opening(tag: str, *, label: str) -> str:
    """The opening tag with a name for screen readers and a width that shrinks with the page."""
    box = re.search(r'viewBox="[^"]*"', tag)
    width = re.search(r'width="([\d.]+)pt"', tag)
    assert box is not None and width is not None
    pixels = float(width[1]) * 4 / 3
    return f'<svg {box[0]} role="img" aria-label="{html.escape(visible(label))}" style="max-width:{pixels:.0f}px">'

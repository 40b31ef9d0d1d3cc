"""Figures of the doctor's page, as SVG text."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vivi.doctor.shapes import Shapes, Spread
from vivi.doctor.threshold import Threshold
from vivi.report.figures import COLOURS, STYLE, inline_svg

_BINS = 50


def spread_figure(shapes: Shapes, *, key: str) -> str:
    """Shots of a video, and frames of a shot."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": key}):
        figure = Figure(figsize=(7.6, 2.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        _bars(left, shapes.shots_of_videos, title="Shots of a video", unit="videos", colour=COLOURS[0])
        _bars(right, shapes.frames_of_shots, title="Stored frames of a shot", unit="shots", colour=COLOURS[2])
        label = "How many shots the videos have, and how many frames the shots; the numbers stand in the table"
        return inline_svg(figure, key=key, label=label)


def _bars(panel: Axes, spread: Spread, *, title: str, unit: str, colour: str) -> None:
    names, counts = (
        [name.replace(" to ", "\N{EN DASH}") for name, _ in spread.bars],
        [count for _, count in spread.bars],
    )
    panel.bar(range(len(counts)), counts, color=colour, width=0.8)
    panel.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.grid(visible=False, axis="x")
    panel.set_axisbelow(True)
    panel.set_title(title)
    panel.set_ylabel(unit)


def threshold_figure(threshold: Threshold, *, key: str) -> str | None:
    """The distances of neighbouring frames, where the threshold lies and where it could; None without distances."""
    if not len(threshold.distances):
        return None
    with mpl.rc_context({**STYLE, "svg.hashsalt": key}):
        fitted = threshold.fitted
        figure = Figure(figsize=(7.6, 4.0 if fitted else 2.5), layout="constrained")
        panels = figure.subplots(2 if fitted else 1, 1, squeeze=False, sharex=True)[:, 0]
        panels[0].hist(threshold.distances, bins=_BINS, range=(0, 1), color=COLOURS[4])
        panels[0].set_yscale("log")
        panels[0].set_ylabel("pairs of frames")
        panels[0].set_title("Distances of neighbouring stored frames")
        if fitted is not None:
            panels[1].plot(*zip(*fitted.tried, strict=True), color=COLOURS[3], linewidth=1.6)
            panels[1].set_ylabel("F1")
            panels[1].set_ylim(0, 1.02)
            panels[1].set_title("Agreement with the known cuts")
        for panel in panels:
            panel.set_axisbelow(True)
            _lines(panel, lines_of(threshold))
        panels[0].legend(loc="upper right", frameon=False)
        panels[-1].set_xlabel("threshold: half the L1 distance of the colour histograms")
        panels[-1].set_xlim(0, 1)
        return inline_svg(figure, key=key, label="How many pairs of neighbouring frames are how far apart")


def lines_of(threshold: Threshold) -> list[tuple[str, float, str, str]]:
    """(what, where, colour, dash) of the thresholds to draw."""
    lines = [] if threshold.now is None else [("of this store", threshold.now, COLOURS[6], "-")]
    if threshold.split is not None:
        doubt = "" if threshold.is_trusted else ", not to be trusted"
        lines.append((f"from the distances{doubt}", threshold.split.threshold, COLOURS[1], "--"))
    if threshold.fitted is not None:
        lines.append(("from the known cuts", threshold.fitted.threshold, COLOURS[2], "-."))
    return lines


def _lines(panel: Axes, lines: Sequence[tuple[str, float, str, str]]) -> None:
    for what, where, colour, dash in lines:
        panel.axvline(where, color=colour, linestyle=dash, linewidth=1.6, label=f"{where:.2f} {what}")

"""The report: one HTML file about a store, its runs and their scores, that needs no network and no JavaScript."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vivi.core.errors import ViviError
from vivi.core.files import check_output, write_text
from vivi.data.store import ShotStore
from vivi.report.contact_sheets import ShotReport, report_shots
from vivi.report.figures import (
    COLOURS,
    inlined,
    loss_figure,
    monitor_figure,
    pace_figure,
    score_figure,
    spectrum_figure,
)
from vivi.report.ingested import Ingested, read_ingested
from vivi.report.mistakes import MistakeGallery, mistake_galleries
from vivi.report.neighbours import Gallery, galleries
from vivi.report.runs import Run, collect, read_run, run_names
from vivi.report.score_table import PlacedFile, ScoreTable, place, score_table
from vivi.report.scores import ScoreFile, read_scores
from vivi.report.settings import WORDS, Difference, Settings, differences_of, explained_settings
from vivi.report.standalone import environment, figure
from vivi.report.standalone import render as render_page
from vivi.report.table_text import figure_text
from vivi.report.tables import LEGEND
from vivi.report.tables_folder import Exhibit, measured_exhibits
from vivi.report.verdict import Verdict, against_random, judge, sentence

__all__ = ["collect", "write_report"]

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the template shows."""

    title: str
    notes: tuple[str, ...]
    commands: tuple[str, ...]
    ingested: Ingested | None
    shots: ShotReport | None
    runs: tuple[Run, ...]
    losses: Markup | None
    monitors: Markup | None
    pace: Markup | None
    spectra: Markup | None
    settings: tuple[Settings | None, ...]
    """Of each run, whose its values are, where that is known."""
    differences: tuple[Difference, ...]
    """What the runs do not have in common."""
    scores: ScoreTable | None
    placed: tuple[PlacedFile, ...]
    score_figure: Markup | None
    verdict: Verdict | None
    headline: str
    random_line: str
    neighbours: dict[str, tuple[Gallery, ...]]
    mistakes: dict[str, tuple[MistakeGallery, ...]]
    exhibits: tuple[Exhibit, ...]
    """The paper's tables and figures, where results of VTAB and ImageNet-Vid-Robust were given."""
    environment: dict[str, str]
    colours: tuple[str, ...] = COLOURS
    legend: tuple[str, ...] = LEGEND

    @property
    def remarks(self) -> tuple[str, ...]:
        """Why scores that could be expected are not there, each with its encoder and its task."""
        return tuple(f"{each.method}, {each.task}: {remark}." for each in self.placed for remark in each.file.remarks)

    @property
    def asked(self) -> dict[str, ScoreFile]:
        """By task, the first score file that was asked it."""
        asked: dict[str, ScoreFile] = {}
        for each in self.placed:
            asked.setdefault(each.task, each.file)
        return asked

    @property
    def more_seeds(self) -> int:
        """Results that stand in the score files alone."""
        return sum(each.file.more_seeds for each in self.placed)

    @property
    def run_names(self) -> tuple[str, ...]:
        """What to call the runs, in their order."""
        return run_names(self.runs)

    @property
    def probes(self) -> tuple[str, ...]:
        """Names of the probes, in the order of their colours."""
        return () if self.scores is None else tuple(sorted({column.probe for column in self.scores.columns}))


def write_report(
    out: Path,
    *,
    title: str,
    store: Path | None,
    cuts: Path | None,
    runs: Sequence[Path],
    scores: Sequence[Path],
    results: Sequence[Path] = (),
    commands: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Path:
    """Write the page to `out` and return its absolute path.

    Args:
        out: the HTML file.
        title: its title.
        store: a shot store, shown by its ingest table and by contact sheets.
        cuts: true cuts, CSV with the columns path and seconds, to compare the store's shots with.
        runs: run folders; the curves.
        scores: score files; the table. The verdict is about the encoder of the last one.
        results: results of VTAB and of ImageNet-Vid-Robust; their tables, beside the published figures.
        commands: the command lines that made all this, shown as they are.
        notes: sentences shown above everything else.

    Raises:
        ViviError: one of the inputs is missing or damaged; the text names it.
    """
    check_output(out)
    if store is None and not runs and not scores and not results:
        raise ViviError("nothing to report: name run folders, score files or a --store")
    if cuts is not None and store is None:
        raise ViviError(f"--cuts {cuts} goes with --store, whose shots are compared with them")
    files = tuple(read_scores(path) for path in scores)
    page = _page(
        title=title, store=None if store is None else ShotStore.open(store), cuts=cuts, files=files,
        runs=tuple(read_run(path) for path in runs), exhibits=measured_exhibits(results), commands=tuple(commands),
        notes=tuple(notes),
    )  # fmt: skip
    write_text(out, render(page))
    return out.resolve()


def _page(
    *,
    title: str,
    store: ShotStore | None,
    cuts: Path | None,
    files: tuple[ScoreFile, ...],
    runs: tuple[Run, ...],
    exhibits: tuple[Exhibit, ...],
    commands: tuple[str, ...],
    notes: tuple[str, ...],
) -> Page:
    placed = place(files)
    table = score_table(placed) if placed else None
    verdict = judge(table, method=table.trained[-1]) if table and table.trained else None
    return Page(
        title=title,
        notes=notes,
        commands=commands,
        ingested=None if store is None else read_ingested(store),
        shots=None if store is None else report_shots(store, cuts=cuts),
        runs=runs,
        losses=figure(loss_figure(runs, key="loss")),
        monitors=figure(monitor_figure(runs, key="monitor")),
        pace=figure(pace_figure(runs, key="pace")),
        spectra=figure(spectrum_figure(runs, key="spectrum")),
        settings=tuple(map(explained_settings, runs)),
        differences=differences_of(runs),
        scores=table,
        placed=placed,
        score_figure=None if table is None else figure(score_figure(table, key="score")),
        verdict=verdict,
        headline=_headline(verdict, exhibits),
        random_line="" if table is None or verdict is None else against_random(table, method=verdict.method),
        neighbours=galleries(placed),
        mistakes=mistake_galleries(placed),
        exhibits=exhibits,
        environment=environment(),
    )


def _headline(verdict: Verdict | None, exhibits: Sequence[Exhibit]) -> str:
    if verdict is not None:
        return sentence(verdict)
    if exhibits:
        return "What was measured stands in tables, beside what was published."
    return "Nothing was evaluated, so there is nothing to judge."


def render(page: Page) -> str:
    """The page as HTML; everything that is not markup of this package is escaped."""
    filters: dict[str, Callable[..., Any]] = {"pretty": _pretty, "figure": figure_text, "drawn": _exhibited}
    return render_page(package="vivi.report", template=_TEMPLATE, filters=filters, page=page, whose=WORDS)


def _exhibited(exhibit: Exhibit) -> Markup | None:
    """The figure of an exhibit, for the page."""
    svg = exhibit.svg
    return None if svg is None else Markup(inlined(svg, key=exhibit.table.key, label=exhibit.table.title))


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)

"""A table as Markdown, CSV and LaTeX. Each tells in every row whether it is published or measured."""

import csv
import io
import re

from vivi.core.visible import visible
from vivi.report.tables import LEGEND, Entry, Table, Whose

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "Δ": r"$\Delta$", "×": r"$\times$", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip
_MARKDOWN = re.compile(r"([\\|`*_<>\[\]])")
_TOO_WIDE = 10
"""From so many columns on, their names stand upright in LaTeX."""


def figure_text(entry: Entry, *, signed: bool) -> str:
    """A figure without its marks: "68.0 [65.2, 70.7]", "+3.0", or the reason why there is none."""
    if entry.percent is None:
        return entry.reason
    form = "+.1f" if signed else ".1f"
    interval = "" if entry.interval is None else f" [{entry.interval[0]:{form}}, {entry.interval[1]:{form}}]"
    return f"{entry.percent:{form}}{interval}"


def as_markdown(table: Table) -> str:
    """A heading, the table with measured figures in bold, and the legend."""
    rows = [["", "source", *map(_plain, table.columns), "where, how"], ["---", "---"] + ["---:"] * len(table.columns)]
    rows[1].append("---")
    for line in table.lines:
        bold = "**" if line.whose is Whose.MEASURED else ""
        cells = [_marked(entry, bold=bold, signed=table.signed) for entry in line.entries]
        rows.append([_plain(line.label), line.whose.value, *cells, _plain(line.details)])
    text = "".join("| " + " | ".join(row) + " |\n" for row in rows)
    marks = [f"{mark.symbol} {mark.words}" for mark in table.marks]
    legend = [*(f"{each} " for each in LEGEND[:1]), f"{LEGEND[1][:-1]}; in bold.", *marks, *table.notes]
    return f"## {_plain(table.title)}\n\n{text}\n" + "".join(f"- {_plain(each.strip())}\n" for each in legend)


def as_csv(table: Table) -> str:
    """A line for each figure: row, source, details, column, value, interval, and what to know about it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    unit = "points" if table.signed else "percent"
    writer.writerow(["row", "source", "details", "column", unit, "low", "high", "remark"])
    for line in table.lines:
        for column, entry in zip(table.columns, line.entries, strict=True):
            numbers = [entry.percent, *(entry.interval or (None, None))]
            shown = ["" if each is None else f"{each:.4f}".rstrip("0").rstrip(".") for each in numbers]
            remark = "; ".join(filter(None, (entry.reason, *(mark.words for mark in entry.marks))))
            writer.writerow([line.label, line.whose.value, line.details, column, *shown, remark])
    return text.getvalue()


def as_latex(table: Table) -> str:
    """A table environment for the package booktabs, measured figures in bold; wide ones need graphicx too."""
    wide = len(table.columns) >= _TOO_WIDE
    names = [rf"\rotatebox{{90}}{{{_latex(each)}}}" if wide else _latex(each) for each in table.columns]
    body = [" & ".join(["", "source", *names, "where, how"]) + r" \\", r"\midrule"]
    for line in table.lines:
        cells = [_latex_cell(entry, line.whose, signed=table.signed) for entry in line.entries]
        body.append(" & ".join([_latex(line.label), line.whose.value, *cells, _latex(line.details)]) + r" \\")
    marks = [f"{mark.latex} {_latex(mark.words)}." for mark in table.marks]
    legend = [_latex(LEGEND[0]), _latex(f"{LEGEND[1][:-1]}; in bold."), *marks, *(_latex(note) for note in table.notes)]
    lines = [
        r"\begin{table}",
        rf"\caption{{{_latex(table.title)}. {' '.join(legend)}}}",
        rf"\label{{tab:{table.key}}}",
        r"\centering",
        *([r"\resizebox{\textwidth}{!}{%"] if wide else []),
        rf"\begin{{tabular}}{{ll{'r' * len(table.columns)}l}}",
        r"\toprule",
        *body,
        r"\bottomrule",
        r"\end{tabular}" + ("}" if wide else ""),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _marked(entry: Entry, *, bold: str, signed: bool) -> str:
    text = _plain(figure_text(entry, signed=signed))
    if entry.percent is None:
        return text
    return f"{bold}{text}{bold}" + "".join(f" {mark.symbol}" for mark in entry.marks)


def _latex_cell(entry: Entry, whose: Whose, *, signed: bool) -> str:
    text = _latex(figure_text(entry, signed=signed))
    bold = rf"\textbf{{{text}}}" if whose is Whose.MEASURED and entry.percent is not None else text
    return bold + "".join(mark.latex for mark in entry.marks)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", visible(" ".join(text.split())))


def _latex(text: str) -> str:
    """Text that LaTeX shows as it is, on one line."""
    return "".join(_LATEX.get(each, each) for each in visible(" ".join(text.split())))

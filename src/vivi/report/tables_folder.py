"""All tables and figures of the paper as a folder: Markdown, CSV, LaTeX, SVG, and one page over all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import vivi
from vivi.core.errors import ViviError
from vivi.core.files import atomic_folder, check_folder, read_json, sha256_file, write_json, write_text
from vivi.data.image_file import printable
from vivi.report.figure_tables import figure_2, figure_3, figure_4
from vivi.report.paper_figures import figure_of_changes, figure_of_means
from vivi.report.paper_tables import (
    Named,
    name_files,
    table_1,
    table_2,
    table_3,
    table_4,
    table_of_tasks,
)
from vivi.report.results_files import FULL, THOUSAND, RobustFile, collect_results
from vivi.report.table_text import as_csv, as_latex, as_markdown
from vivi.report.tables import Table, Whose

FORMAT, VERSION = "vivi-tables", 1
PAGE, RECORD = "tables.md", "tables.json"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A table, and the figure drawn from it."""

    table: Table
    svg: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and from how much."""

    folder: Path
    exhibits: tuple[Exhibit, ...]
    sources: tuple[Path, ...]

    @property
    def page(self) -> Path:
        """All tables and figures on one page of Markdown."""
        return self.folder / PAGE


def write_tables(paths: Sequence[Path], *, out: Path) -> Written:
    """Write Tables 1 to 4, Figures 2 to 4 and the tables of all tasks.

    Every row says whether it is published or measured. The folder appears whole or not at all; the same results give
    the same bytes.

    Args:
        paths: result files, or folders that hold some, see `collect_results`.
        out: the folder; one that was written by this function before is replaced.

    Raises:
        ViviError: no results, a damaged file, or `out` holds something else.
    """
    _check_folder(out)
    vtab, robust = collect_results(paths)
    exhibits = tuple(_exhibits(name_files(vtab), robust))
    sources = (*(file.path for file in vtab), *(file.path for file in robust))
    with atomic_folder(out) as folder:
        for each in exhibits:
            table = each.table
            texts = {".md": as_markdown(table), ".csv": as_csv(table), ".tex": as_latex(table), ".svg": each.svg}
            for ending, text in texts.items():
                if text is not None:
                    write_text(folder / f"{table.key}{ending}", text)
        write_text(folder / PAGE, "\n".join(_page(exhibits)))
        write_json(folder / RECORD, _record(exhibits, sources))
    return Written(folder=out, exhibits=exhibits, sources=sources)


def measured_exhibits(paths: Sequence[Path]) -> tuple[Exhibit, ...]:
    """Those tables and figures that have something measured; none where no results are given.

    Raises:
        ViviError: a file is damaged.
    """
    if not paths:
        return ()
    vtab, robust = collect_results(paths)
    exhibits = _exhibits(name_files(vtab), robust)
    return tuple(each for each in exhibits if any(line.whose is Whose.MEASURED for line in each.table.lines))


def _check_folder(out: Path) -> None:
    """Refuse a file, a folder that holds something else than tables, or one that cannot be written."""
    if out.exists() and not out.is_dir():
        raise ViviError(f"{out} is a file: name a folder for --out")
    check_folder(out.parent)
    if not out.is_dir() or not any(out.iterdir()):
        return
    record = read_json(out / RECORD) if (out / RECORD).is_file() else None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ViviError(f"{out} is not empty and holds no tables: choose another --out")


def _exhibits(files: Sequence[Named], robust: Sequence[RobustFile]) -> Iterator[Exhibit]:
    for table in (table_1(files), table_2(files), table_3(robust), table_4(files)):
        yield Exhibit(table)
    for table in (figure_2(files), figure_3(files)):
        yield Exhibit(table, figure_of_means(table))
    changes = figure_4(files)
    yield Exhibit(changes, figure_of_changes(changes))
    yield from map(Exhibit, _tables_of_tasks(files))


def _tables_of_tasks(files: Sequence[Named]) -> Iterator[Table]:
    found = {named.file.examples for named in files}
    for examples in (THOUSAND, FULL, *sorted(found - {THOUSAND, FULL})):
        yield table_of_tasks(files, of=examples)


def _page(exhibits: Sequence[Exhibit]) -> Iterator[str]:
    yield "# Tables and figures\n"
    yield (
        "In every row the column of sources says whose figures they are: published ones are copied from the place "
        "named in the row, measured ones (in bold) come from result files of vivi. In the figures published bars are "
        "hatched, published means dashed, and measured bars solid.\n"
    )
    for each in exhibits:
        yield as_markdown(each.table)
        if each.svg is not None:
            yield f"![{each.table.title}]({each.table.key}.svg)\n"


def _record(exhibits: Sequence[Exhibit], sources: Sequence[Path]) -> dict[str, object]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "vivi": vivi.__version__,
        "tables": [each.table.key for each in exhibits],
        "sources": [{"path": printable(str(path.resolve())), "sha256": sha256_file(path)} for path in sources],
    }

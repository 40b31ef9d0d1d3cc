"""Score files, many of them, as one table: rows are methods, columns are a task under a probe; and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePath
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.files import read_json

FORMAT, VERSION = "vivi-scores", 1
RANDOM = "random weights"


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured accuracy with its 95 % interval."""

    correct: int
    total: int
    low: float
    high: float

    @property
    def accuracy(self) -> float:
        """Share of right answers, in [0, 1]."""
        return self.correct / self.total

    def above(self, other: "Cell") -> bool:
        """Whether this interval lies wholly above the other's."""
        return self.low > other.high


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A test image and the training images nearest to it: paths relative to the data folder."""

    query: str
    label: str
    nearest: tuple[str, ...]
    nearest_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoreFile:
    """One encoder on one labelled folder."""

    path: Path
    encoder: str
    encoder_path: str
    task: str
    data: Path
    classes: int
    guessing: dict[str, float]
    """By probe, what always giving the same answer gives: the most frequent class; for top-5, the five of them."""
    train: int
    test: int
    split: str
    skipped: int
    """Files that gave no image."""
    cells: dict[tuple[str, str], Cell]
    """By (probe, weights); of several seeds the first."""
    more_seeds: int
    """Results of further seeds, which stand in the file and not in the table."""
    remarks: tuple[str, ...]
    """Why a score that could be expected is not there."""
    neighbours: tuple[Neighbours, ...]


def read_scores(path: Path) -> ScoreFile:
    """Read one scores.json.

    Raises:
        ViviError: missing, not a score file, of another version, or with values that cannot be.
    """
    record = read_json(path)
    if not isinstance(record, dict) or (record.get("format"), record.get("version")) != (FORMAT, VERSION):
        raise ViviError(f"{path} is not a score file of this version of vivi: make it with `vivi evaluate ... --out`")
    try:
        return _parse(path, record)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ViviError(f"{path} is damaged ({type(error).__name__}: {error}): run `vivi evaluate` again") from error


def _parse(path: Path, record: dict[str, Any]) -> ScoreFile:
    data, encoder, results = record["data"], record["encoder"], record["results"]
    most_frequent = max(float(data["majority"]), 1 / len(data["classes"]))
    cells: dict[tuple[str, str], Cell] = {}
    guessing: dict[str, float] = {}
    for each in results:
        cells.setdefault((str(each["probe"]), str(each["weights"])), _cell(each))
        guessing.setdefault(str(each["probe"]), float(dict(each["details"]).get("guessing", most_frequent)))
    return ScoreFile(
        path=path,
        encoder=str(encoder["name"]),
        encoder_path=str(encoder["path"]),
        task=str(results[0]["task"]),
        data=Path(data["path"]),
        classes=len(data["classes"]),
        guessing=guessing,
        train=int(data["train"]),
        test=int(data["test"]),
        split=str(data["split"]),
        skipped=len(record["skipped"]),
        cells=cells,
        more_seeds=len(results) - len(cells),
        remarks=tuple(map(str, record.get("remarks", ()))),
        neighbours=tuple(_neighbours(each) for each in record["neighbours"]),
    )


def _neighbours(record: dict[str, Any]) -> Neighbours:
    return Neighbours(
        query=str(record["query"]),
        label=str(record["class"]),
        nearest=tuple(map(str, record["nearest"])),
        nearest_labels=tuple(map(str, record["nearest_classes"])),
    )


def _cell(result: dict[str, Any]) -> Cell:
    low, high = result["interval"]
    cell = Cell(correct=int(result["correct"]), total=int(result["total"]), low=float(low), high=float(high))
    if not (0 <= cell.correct <= cell.total and cell.total > 0 and 0 <= cell.low <= cell.accuracy <= cell.high <= 1):
        raise ValueError(f"{cell} cannot be")
    return cell


@dataclass(frozen=True, slots=True)
class Column:
    """A task under a probe."""

    task: str
    probe: str
    guessing: float
    """What always giving the same answer gives, see `ScoreFile.guessing`."""

    def __str__(self) -> str:
        return f"{self.task} ({self.probe})"


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Methods x columns; a cell that was not measured is absent."""

    methods: tuple[str, ...]
    """Random weights first, then the trained methods in the order given."""
    trained: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: dict[tuple[str, Column], Cell]

    def rivals(self, method: str, column: Column) -> dict[str, Cell]:
        """The other methods' cells of a column."""
        names = (other for other in self.methods if other != method)
        return {other: self.cells[other, column] for other in names if (other, column) in self.cells}

    def leads(self, method: str, column: Column) -> bool:
        """Whether the method's interval lies above the intervals of all others (and there are others)."""
        cell, rivals = self.cells.get((method, column)), self.rivals(method, column)
        return cell is not None and bool(rivals) and all(cell.above(rival) for rival in rivals.values())


def score_table(files: Sequence[ScoreFile]) -> ScoreTable:
    """Many score files as one table.

    Encoders of the same name are told apart by their paths. The random twins are one row if they all agree, which
    they do when the networks are equal; else one row for each network.
    """
    names = row_names(files)
    trained: dict[tuple[str, Column], Cell] = {}
    twins: dict[tuple[str, Column], Cell] = {}
    for file in files:
        for (probe, weights), cell in file.cells.items():
            cells = twins if weights == "random" else trained
            cells[names[file.path], Column(task=file.task, probe=probe, guessing=file.guessing[probe])] = cell
    random = _random_rows(twins)
    rows = list(dict.fromkeys(names[file.path] for file in files))
    return ScoreTable(
        methods=(*dict.fromkeys(name for name, _ in random), *rows),
        trained=tuple(rows),
        columns=tuple(dict.fromkeys(column for _, column in (*trained, *twins))),
        cells=random | trained,
    )


def row_names(files: Sequence[ScoreFile]) -> dict[Path, str]:
    """What to call the encoder of each score file: its name, and what its path has for itself if it shares it."""
    paths_of: dict[str, list[str]] = {}
    for file in files:
        paths_of.setdefault(file.encoder, []).append(file.encoder_path)
    marks = {name: _differing_parts(paths) for name, paths in paths_of.items()}
    return {
        file.path: f"{file.encoder} [{mark}]" if (mark := marks[file.encoder][file.encoder_path]) else file.encoder
        for file in files
    }


def _differing_parts(paths: Sequence[str]) -> dict[str, str]:
    """What is left of each path without the folders that all begin with and the folders that all end with."""
    parts = {path: PurePath(path).parts for path in paths}
    if len(parts) == 1:
        return dict.fromkeys(parts, "")
    before = _common(list(parts.values()))
    behind = _common([each[before:][::-1] for each in parts.values()])
    return {path: "/".join(each[before : len(each) - behind]) for path, each in parts.items()}


def _common(sequences: Sequence[tuple[str, ...]]) -> int:
    """How many items all sequences begin with."""
    return sum(1 for _ in takewhile(lambda items: len(set(items)) == 1, zip(*sequences, strict=False)))


def _random_rows(twins: dict[tuple[str, Column], Cell]) -> dict[tuple[str, Column], Cell]:
    measured: dict[Column, set[Cell]] = {}
    for (_, column), cell in twins.items():
        measured.setdefault(column, set()).add(cell)
    if all(len(cells) == 1 for cells in measured.values()):
        return {(RANDOM, column): cells.pop() for column, cells in measured.items()}
    return {(twin_names(name)[1], column): cell for (name, column), cell in twins.items()}


def twin_names(method: str) -> tuple[str, str]:
    """The rows that may hold the random twin of a method: the one shared by all, or its own."""
    return RANDOM, f"{RANDOM}, twin of {method}"


def as_markdown(table: ScoreTable) -> str:
    """The table as Markdown, in percent."""
    rows = [["method", *map(str, table.columns)], ["---"] + ["---:"] * len(table.columns)]
    rows.append(["guessing", *(f"{100 * column.guessing:.1f}" for column in table.columns)])
    rows += [[m, *(percent(table.cells.get((m, column))) for column in table.columns)] for m in table.methods]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def percent(cell: Cell | None) -> str:
    """A cell as text, "61.2 [55.9, 66.3]"."""
    if cell is None:
        return "not measured"
    return f"{100 * cell.accuracy:.1f} [{100 * cell.low:.1f}, {100 * cell.high:.1f}]"

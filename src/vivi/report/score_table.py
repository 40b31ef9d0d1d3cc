"""Score files, many of them, as one table: rows are methods, columns are a task under a probe."""

from collections.abc import Sequence
from dataclasses import dataclass

from vivi.report.names import Label, path_marks, tell_apart, written
from vivi.report.scores import Cell, ScoreFile

RANDOM = "random weights"


@dataclass(frozen=True, slots=True)
class Column:
    """A task under a probe."""

    task: str
    """Its name, and what tells it apart from other tasks of that name."""
    probe: str
    guessing: float
    """What always giving the same answer gives, see `ScoreFile.guessing`."""

    def __str__(self) -> str:
        return f"{self.task} ({self.probe})"


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A score file and where its results stand in the table."""

    file: ScoreFile
    method: str
    """What its row is called."""
    task: str
    """What it was asked, as a name that no file has that was asked something else."""
    columns: dict[str, Column]
    """By probe."""


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


def score_table(placed: Sequence[PlacedFile]) -> ScoreTable:
    """Many score files as one table, in which every result has a cell of its own or shares it with equal ones.

    The random twins are one row if they all agree, which they do when the networks are equal; else one row for each
    network.
    """
    trained: dict[tuple[str, Column], Cell] = {}
    twins: dict[tuple[str, Column], Cell] = {}
    for each in placed:
        for (probe, weights), cell in each.file.cells.items():
            cells = twins if weights == "random" else trained
            cells[each.method, each.columns[probe]] = cell
    random = _random_rows(twins)
    rows = list(dict.fromkeys(each.method for each in placed))
    return ScoreTable(
        methods=(*dict.fromkeys(name for name, _ in random), *rows),
        trained=tuple(rows),
        columns=tuple(dict.fromkeys(column for _, column in (*trained, *twins))),
        cells=random | trained,
    )


def place(files: Sequence[ScoreFile]) -> tuple[PlacedFile, ...]:
    """Find a row and columns for each score file.

    Tasks of one name are told apart by their folders, then by what was asked of them: numbers of images, split, seed,
    preprocessing. Encoders of one name are told apart by their paths, then by their weights; where results differ
    all the same, by the score files themselves.
    """
    tasks = _task_labels(files)
    columns = _columns(files, tasks=tasks)
    methods = _method_names(files, columns=columns)
    return tuple(
        PlacedFile(file=file, method=method, task=written(task), columns=each)
        for file, method, task, each in zip(files, methods, tasks, columns, strict=True)
    )


def _task_labels(files: Sequence[ScoreFile]) -> list[Label]:
    labels: list[Label] = [(file.task,) for file in files]
    labels = tell_apart(labels, by=path_marks(labels, paths=[str(file.data) for file in files]))
    for values in zip(*(file.settings for file in files), strict=True):
        labels = tell_apart(labels, by=values)
    return labels


def _columns(files: Sequence[ScoreFile], *, tasks: Sequence[Label]) -> list[dict[str, Column]]:
    """The column of each file's probes; one task has several where the probe was told otherwise."""
    columns: list[dict[str, Column]] = [{} for _ in files]
    for probe in dict.fromkeys(probe for file in files for probe in file.guessing):
        at = [number for number, file in enumerate(files) if probe in file.guessing]
        labels = [tasks[number] for number in at]
        told = [
            (*files[number].probe_settings[probe], f"guessing gives {files[number].guessing[probe]}") for number in at
        ]
        for values in zip(*told, strict=True):
            labels = tell_apart(labels, by=values)
        for number, label in zip(at, labels, strict=True):
            columns[number][probe] = Column(task=written(label), probe=probe, guessing=files[number].guessing[probe])
    return columns


def _method_names(files: Sequence[ScoreFile], *, columns: Sequence[dict[str, Column]]) -> list[str]:
    labels: list[Label] = [(file.encoder,) for file in files]
    labels = tell_apart(labels, by=path_marks(labels, paths=[file.encoder_path for file in files]))
    labels = tell_apart(labels, by=[f"weights {file.fingerprint}" for file in files])
    origins = _origins(files, columns=columns, rows=[(written(label),) for label in labels])
    return [written((*label, origin)) for label, origin in zip(labels, origins, strict=True)]


def _origins(files: Sequence[ScoreFile], *, columns: Sequence[dict[str, Column]], rows: Sequence[Label]) -> list[str]:
    """By file, where it comes from if another file of its row has another result for the same cell; else empty."""
    found: dict[tuple[Label, Column, str], set[Cell]] = {}
    places = [
        {(row, column[probe], weights): cell for (probe, weights), cell in file.cells.items()}
        for file, column, row in zip(files, columns, rows, strict=True)
    ]
    for each in places:
        for where, cell in each.items():
            found.setdefault(where, set()).add(cell)
    parts = path_marks(rows, paths=[str(file.path.resolve()) for file in files])
    disputed = [any(len(found[where]) > 1 for where in each) for each in places]
    return [f"from {part}" if other else "" for part, other in zip(parts, disputed, strict=True)]


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

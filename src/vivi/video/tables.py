"""Lists that people write: text with a value a line, CSV with a header, Parquet (extra `embed`). Read row by row."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from vivi.core.errors import ViviError

_ROWS = 4096
"""Rows of Parquet that are in memory."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list."""

    where: str
    """File and line, in words."""
    values: dict[str, str]
    """By the name of the column; what is empty is left out."""


def read_rows(file: Path, *, columns: tuple[str, ...], needed: tuple[str, ...]) -> Iterator[Row]:
    """The rows of a list; a text file has one column, the first of `needed`.

    Lines of text that are empty or begin with # are left out.

    Args:
        file: its extension says what it is: .txt, .csv, .parquet.
        columns: those that are looked for.
        needed: of these one must be there.

    Raises:
        ViviError: the file cannot be read, is none of the three, or has none of the columns.
    """
    readers = {".txt": _text_rows, ".csv": _csv_rows, ".parquet": _parquet_rows}
    if file.suffix.lower() not in readers:
        raise ViviError(f"{file} is no list: its name must end in {', '.join(readers)}")
    if not file.is_file():
        raise ViviError(f"cannot read the list {file}: there is no such file")
    return readers[file.suffix.lower()](file, columns, needed)


def _text_rows(file: Path, _: tuple[str, ...], needed: tuple[str, ...]) -> Iterator[Row]:
    with _opened(file) as lines:
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if text and not text.startswith("#"):
                yield Row(f"{file}, line {number}", {needed[0]: text})


def _csv_rows(file: Path, columns: tuple[str, ...], needed: tuple[str, ...]) -> Iterator[Row]:
    with _opened(file) as lines:
        reader = csv.reader(lines)
        try:
            header = [name.strip().lower() for name in next(reader, [])]
            _check(header, file, needed)
            for values in reader:
                row = {name: value.strip() for name, value in zip(header, values, strict=False) if name in columns}
                if values:
                    yield Row(f"{file}, line {reader.line_num}", {name: value for name, value in row.items() if value})
        except csv.Error as error:
            raise ViviError(f"{file}, line {reader.line_num}: {error}") from error


def _parquet_rows(file: Path, columns: tuple[str, ...], needed: tuple[str, ...]) -> Iterator[Row]:
    pyarrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(file) as table:
            names = {name.lower(): name for name in table.schema_arrow.names}
            _check(list(names), file, needed)
            wanted = {name: names[name] for name in columns if name in names}
            number = 0
            for batch in table.iter_batches(batch_size=_ROWS, columns=list(wanted.values())):
                for values in batch.to_pylist():
                    number += 1
                    row = {name: values[column] for name, column in wanted.items()}
                    yield Row(f"{file}, row {number}", {name: str(value) for name, value in row.items() if value})
    except (pyarrow.ArrowException, OSError) as error:
        raise ViviError(f"{file} is not a Parquet file that can be read ({str(error).splitlines()[0]})") from error


def _check(header: list[str], file: Path, needed: tuple[str, ...]) -> None:
    if not set(header) & set(needed):
        raise ViviError(
            f"{file} has the columns {', '.join(header) or '(none)'}: it needs {' or '.join(map(repr, needed))}"
        )


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield lines
    except UnicodeDecodeError as error:
        raise ViviError(f"{file} is not UTF-8 text ({error.reason})") from error
    except OSError as error:
        raise ViviError(f"cannot read the list {file}: {error.strerror}") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ViviError('reading Parquet needs pyarrow: pip install "vivi[embed]"') from error
    return pyarrow, pyarrow.parquet

"""skipped.csv: the inputs that are not in a store, a line each."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from vivi.core.errors import StoreError
from vivi.core.files import atomic_file
from vivi.data.store import format as layout
from vivi.data.store.format import Skip
from vivi.data.store.manifest import AGAIN

_COLUMNS = [field.name for field in dataclasses.fields(Skip)]


def write_skipped(store: Path, skipped: Iterable[Skip]) -> int:
    """Write skipped.csv: path, reason, detail, bytes of every input that is not stored; gives their number."""
    count = 0
    with atomic_file(store / layout.SKIPPED) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for skip in skipped:
            writer.writerow(dataclasses.astuple(skip))
            count += 1
        text.flush()
        text.detach()
    return count


def read_skipped(store: Path) -> Iterator[Skip]:
    """The lines of skipped.csv, one after the other.

    Raises:
        StoreError: it cannot be read, or a line is damaged; the text names the line.
    """
    path = store / layout.SKIPPED
    number = 1
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file, strict=True)
            if next(lines, None) != _COLUMNS:
                raise ValueError(f"the columns are not {', '.join(_COLUMNS)}")
            for row in lines:
                number = lines.line_num
                source, reason, detail, size = row
                yield Skip(source, reason, detail, int(size))
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}: {AGAIN}") from error
    except (ValueError, csv.Error) as error:
        raise StoreError(f"{path} is damaged at line {number} ({error}): {AGAIN}") from error

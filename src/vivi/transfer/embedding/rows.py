"""Rows of embeddings: columns that say what each one is of, and the embeddings."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.core.files import atomic_file, read_json, write_json

VECTORS = "embedding"
Broken = tuple[str, str]
"""Path and reason of an input that gave nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """R rows."""

    columns: dict[str, NDArray[Any]]
    """What each row is of, by name and in order: text, integers or seconds; R values each."""
    vectors_RD: NDArray[np.float32]

    def __len__(self) -> int:
        """R."""
        return len(self.vectors_RD)


def write_part(path: Path, rows: Rows, broken: list[Broken]) -> None:
    """Write a part: its rows as .npz, which appears last, and beside it what gave none."""
    write_json(path.with_suffix(".json"), broken)
    with atomic_file(path) as file:
        np.savez(file, **{VECTORS: rows.vectors_RD}, **rows.columns)  # type: ignore[arg-type]


def read_part(path: Path) -> tuple[Rows, list[Broken]]:
    """What `write_part` wrote.

    Raises:
        ViviError: the part is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays.files}
        vectors_RD = columns.pop(VECTORS)
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile, zlib.error) as error:
        raise ViviError(f"{path} is damaged ({error}): delete it and run the same command again") from error
    return Rows(columns=columns, vectors_RD=vectors_RD), [
        (str(a), str(b)) for a, b in read_json(path.with_suffix(".json"))
    ]


def as_json(value: Any) -> str:
    """JSON values as one line, always the same."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)

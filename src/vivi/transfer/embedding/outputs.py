"""The files that parts become: Parquet, .npz, or .npy with a CSV beside it. Always the same bytes for the same rows."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.core.files import atomic_file
from vivi.transfer.embedding import sources
from vivi.transfer.embedding.rows import VECTORS, Rows, as_json

ABOUT = "vivi"
"""Under this name a file says what made it, as JSON."""
Parts = Callable[[], Iterator[Rows]]
"""All parts that have rows, in order, each time it is called."""
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The time of a member of a zip file, so that the time of writing is not in the bytes."""


def check_kind(out: Path) -> None:
    """See before the work that a file of this name can be written.

    Raises:
        ViviError: another ending, a folder, or pyarrow is missing.
    """
    if out.is_dir():
        raise ViviError(f"{out} is a folder: give the name of a file, for example {out / 'embeddings.parquet'}")
    if out.suffix not in _WRITERS:
        raise ViviError(f"{out}: the name must end in one of {' '.join(_WRITERS)}")
    if out.suffix == ".parquet":
        _pyarrow()


def write_output(out: Path, parts: Parts, *, about: dict[str, Any]) -> None:
    """Write the file; it appears whole or not at all.

    Args:
        out: its ending says the format.
        parts: at least one, all with the same columns.
        about: JSON values for the file itself, where its format has room for them.
    """
    _WRITERS[out.suffix](out, parts, about)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ViviError(
            'writing Parquet needs pyarrow: pip install "vivi[embed]", or name a file that ends in .npz or .npy'
        ) from error
    return pyarrow, pyarrow.parquet


def _write_parquet(out: Path, parts: Parts, about: dict[str, Any]) -> None:
    """Row groups of at least GROUP_ROWS rows; the schema's metadata holds `about`."""
    pyarrow, parquet = _pyarrow()
    with atomic_file(out) as file:
        writer: Any = None
        waiting: list[Any] = []
        for rows in parts():
            table = _table(rows, about=about, pyarrow=pyarrow)
            writer = writer or parquet.ParquetWriter(file, table.schema)
            waiting.append(table)
            if sum(map(len, waiting)) >= sources.GROUP_ROWS:
                writer.write_table(pyarrow.concat_tables(waiting))
                waiting.clear()
        if waiting:
            writer.write_table(pyarrow.concat_tables(waiting))
        writer.close()


def _table(rows: Rows, *, about: dict[str, Any], pyarrow: Any) -> Any:
    values = pyarrow.array(np.ascontiguousarray(rows.vectors_RD).reshape(-1))
    vectors = pyarrow.FixedSizeListArray.from_arrays(values, rows.vectors_RD.shape[1])
    columns = {name: pyarrow.array(column.tolist(), _type(column, pyarrow)) for name, column in rows.columns.items()}
    return pyarrow.table({**columns, VECTORS: vectors}).replace_schema_metadata({ABOUT: as_json(about)})


def _type(column: NDArray[Any], pyarrow: Any) -> Any:
    return {"U": pyarrow.string(), "i": pyarrow.int64(), "f": pyarrow.float64()}[column.dtype.kind]


def _write_npz(out: Path, parts: Parts, about: dict[str, Any]) -> None:
    """An array for each column, `embedding` [R, D], and the text `vivi`; `numpy.load` opens it without pickle."""
    with atomic_file(out) as file, zipfile.ZipFile(file, "w") as archive:
        for name in (*next(parts()).columns, VECTORS):
            with archive.open(zipfile.ZipInfo(f"{name}.npy", _OLDEST), "w", force_zip64=True) as member:
                _write_array(member, lambda name=name: (_array(rows, name) for rows in parts()))  # type: ignore[misc]
        with archive.open(zipfile.ZipInfo(f"{ABOUT}.npy", _OLDEST), "w") as member:
            np.lib.format.write_array(member, np.array(as_json(about)), allow_pickle=False)


def _write_npy(out: Path, parts: Parts, about: dict[str, Any]) -> None:  # noqa: ARG001 (the format has no room)
    """`embedding` [R, D], and its other columns in OUT.csv."""
    with atomic_file(out.with_name(f"{out.name}.csv")) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(next(parts()).columns)
        for rows in parts():
            writer.writerows(zip(*(column.tolist() for column in rows.columns.values()), strict=True))
        text.flush()
        text.detach()
    with atomic_file(out) as file:
        _write_array(file, lambda: (rows.vectors_RD for rows in parts()))


def _array(rows: Rows, name: str) -> NDArray[Any]:
    return rows.vectors_RD if name == VECTORS else rows.columns[name]


def _write_array(file: BinaryIO | Any, blocks: Callable[[], Iterator[NDArray[Any]]]) -> None:
    """Blocks of rows as one array in numpy's own format, a block at a time in memory."""
    shapes = [(block.shape, block.dtype) for block in blocks()]
    dtype = max((dtype for _, dtype in shapes), key=lambda each: each.itemsize)
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (sum(shape[0] for shape, _ in shapes), *shapes[0][0][1:]),
    }
    np.lib.format.write_array_header_1_0(file, header)
    for block in blocks():
        file.write(np.ascontiguousarray(block, dtype=dtype).tobytes())


_WRITERS = {".parquet": _write_parquet, ".npz": _write_npz, ".npy": _write_npy}

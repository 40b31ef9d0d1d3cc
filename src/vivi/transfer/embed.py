"""Embeddings of images as a Parquet file, written batch by batch."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

import vivi
from vivi.core.errors import ViviError
from vivi.core.files import atomic_file, write_text
from vivi.data.image_file import PREPROCESSING, image_extensions, printable
from vivi.data.image_reader import ImageBatchRead, read_batches
from vivi.data.images import find_images
from vivi.nn.export import LoadedEncoder, load_encoder
from vivi.probe import encode, finite

GROUP_ROWS = 1024
"""Rows of a row group: what is held in memory."""


@dataclass(frozen=True, slots=True)
class EmbedSummary:
    """What an embedding run wrote."""

    images: int
    """Rows of the file."""
    dim: int
    """Numbers of an embedding."""
    skipped: int
    """Files that gave no image."""
    skipped_file: Path | None
    """CSV of path and reason; None if nothing was skipped."""


def embed(
    encoder: Path,
    *,
    images: Path,
    out: Path,
    batch: int = 64,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> EmbedSummary:
    """Write the frozen features of images to a Parquet file that appears whole or not at all.

    Columns: `path` (string, relative to `images`) and `embedding` (fixed-size list of float32), in the order of the
    paths. The schema's metadata holds, under "vivi", the encoder's name and fingerprint and the preprocessing as JSON.
    Files that give no image are listed with their reasons in `OUT.skipped.csv`.

    Args:
        encoder: encoder folder.
        images: an image, or a folder that is searched recursively.
        out: the Parquet file; an earlier one is replaced.
        batch: images encoded at once.
        device: where to encode.
        progress: called with the number of images done and of all after each batch.

    Raises:
        ViviError: pyarrow is not installed, no usable encoder or images, or features that are not finite.
    """
    pyarrow, parquet = _pyarrow()
    trained = load_encoder(encoder)
    trained.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    root, paths = _listed(images)
    if out.is_dir():
        raise ViviError(f"{out} is a folder: give the name of a file, for example {out / 'embeddings.parquet'}")
    broken: list[tuple[int, str]] = []
    rows = 0
    skipped_file = out.with_name(f"{out.name}.skipped.csv")
    with atomic_file(out) as file, _writer(file, pyarrow, parquet, trained) as write:
        for group in read_batches([root / path for path in paths], size=trained.image_size, batch=batch):
            broken += group.broken
            if group.positions_B:
                write(_table(group, paths=paths, encoder=trained, device=device, pyarrow=pyarrow))
            rows += len(group.positions_B)
            if progress is not None:
                progress(rows + len(broken), len(paths))
        if not rows:
            raise ViviError(f"{images}: none of {len(paths)} images can be read; the first, {paths[0]}: {broken[0][1]}")
        _list_broken(skipped_file, paths=paths, broken=broken)
    return EmbedSummary(
        images=rows, dim=trained.feature_dim, skipped=len(broken), skipped_file=skipped_file if broken else None
    )


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ViviError('writing Parquet needs pyarrow: pip install "vivi[embed]"') from error
    return pyarrow, pyarrow.parquet


def _listed(images: Path) -> tuple[Path, list[str]]:
    if images.is_dir():
        paths = find_images(images)
        if not paths:
            endings = " ".join(sorted(image_extensions()))
            raise ViviError(f"{images} holds no images: give a folder with files whose names end in one of {endings}")
        return images, paths
    if not images.exists():
        raise ViviError(f"{images} does not exist: give an image or a folder of images")
    return images.parent, [images.name]


@contextmanager
def _writer(file: BinaryIO, pyarrow: Any, parquet: Any, encoder: LoadedEncoder) -> Iterator[Callable[[Any], None]]:
    """A function that takes tables and writes them in groups of about GROUP_ROWS rows."""
    facts = {
        "encoder": encoder.name,
        "fingerprint": encoder.fingerprint,
        "image_size": encoder.image_size,
        "preprocessing": PREPROCESSING,
        "version": vivi.__version__,
    }
    schema = pyarrow.schema(
        [("path", pyarrow.string()), ("embedding", pyarrow.list_(pyarrow.float32(), encoder.feature_dim))],
        metadata={"vivi": json.dumps(facts)},
    )
    waiting: list[Any] = []

    def flush() -> None:
        if waiting:
            writer.write_table(pyarrow.concat_tables(waiting).cast(schema))
            waiting.clear()

    def write(table: Any) -> None:
        waiting.append(table)
        if sum(len(each) for each in waiting) >= GROUP_ROWS:
            flush()

    with parquet.ParquetWriter(file, schema) as writer:
        yield write
        flush()


def _table(
    group: ImageBatchRead, *, paths: list[str], encoder: LoadedEncoder, device: torch.device | str, pyarrow: Any
) -> Any:
    features_BD = finite(encode(encoder, group.images_BCHW, device=device))
    names = [printable(paths[at]) for at in group.positions_B]
    values = pyarrow.array(features_BD.contiguous().numpy().reshape(-1))
    vectors = pyarrow.FixedSizeListArray.from_arrays(values, features_BD.shape[1])
    return pyarrow.table({"path": pyarrow.array(names, pyarrow.string()), "embedding": vectors})


def _list_broken(file: Path, *, paths: list[str], broken: list[tuple[int, str]]) -> None:
    """Write the list of skipped files, or remove that of an earlier run."""
    if not broken:
        file.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "reason"])
    writer.writerows((printable(paths[at]), reason) for at, reason in broken)
    write_text(file, text.getvalue())

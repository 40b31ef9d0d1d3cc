"""Embeddings of images, videos and shot stores as a file, part by part: interrupted, the same call goes on."""

import csv
import hashlib
import io
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import vivi
from vivi.core.config import differences
from vivi.core.errors import ViviError
from vivi.core.files import TEMPORARY, locked, read_json, remove_temporaries, write_json, write_text
from vivi.data.image_file import PREPROCESSING
from vivi.data.store import ShotStore
from vivi.nn.export import LoadedEncoder, load_encoder
from vivi.probe import encode, finite
from vivi.transfer.embedding.films import Stored, Videos
from vivi.transfer.embedding.outputs import check_kind, write_output
from vivi.transfer.embedding.rows import Broken, Rows, as_json, read_part, write_part
from vivi.transfer.embedding.sources import Encode, Images, Per, Source

_JOB = "job.json"
_FORMAT, _VERSION = "vivi-embed", 1


@dataclass(frozen=True, slots=True)
class EmbedSummary:
    """What an embedding run wrote."""

    out: Path
    rows: int
    """Of the file."""
    dim: int
    """Numbers of an embedding."""
    inputs: int
    """Images or videos that gave rows."""
    unit: str
    """What an input is: images or videos."""
    skipped: int
    """Files that gave nothing."""
    skipped_file: Path | None
    """CSV of path and reason; None if nothing was skipped."""


def embed(
    encoder: Path,
    *,
    images: Path | None = None,
    videos: tuple[Path | str, ...] = (),
    store: Path | None = None,
    out: Path,
    per: Per = "frame",
    fps: float = 1.0,
    batch: int = 64,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> EmbedSummary:
    """Write the frozen features of images, of videos, or of the frames of a store to a file.

    The file has a row for each image (`path`, relative to `images`); for each frame (`path`, `frame`, `shot`, and
    `seconds` of raw videos); for each shot (`path`, `shot`, `first`, `frames`) or video (`path`, `frames`), the mean
    over its frames; and always `embedding`. Its ending says what it is: .parquet, .npz, or .npy with the other columns
    in OUT.csv. Parquet and npz hold, under "vivi", the encoder's name and fingerprint and the preprocessing as JSON.

    Parts are kept in OUT.parts until all are done; then the file appears whole, with the same bytes as an unbroken call
    would give. Files that give nothing are listed with their reasons in OUT.skipped.csv.

    Args:
        encoder: encoder folder.
        images: an image, or a folder that is searched recursively.
        videos: video files, folders of them, tar files and addresses, listed and decoded as `vivi ingest` does; no
            store is made.
        store: a shot store.
        out: the file; an earlier one is replaced.
        per: what a row is of, for videos and stores.
        fps: frames of a second of raw video.
        batch: pictures encoded at once.
        device: where to encode.
        progress: called with the number of inputs done and of all after each part.

    Raises:
        ViviError: not just one kind of input, a missing extra, no usable encoder or inputs, features that are not
            finite, or OUT.parts is of another call.
    """
    check_kind(out)
    if batch < 1:
        raise ViviError(f"batch is {batch}: it must be at least 1")
    if per not in get_args(Per):
        raise ViviError(f"per is {per!r}: legal are {', '.join(get_args(Per))}")
    work = out.with_name(f"{out.name}.parts")
    trained = load_encoder(encoder)
    size = trained.image_size
    if (images is not None) + bool(videos) + (store is not None) != 1:
        raise ViviError("name one kind of input: --images, --videos or --store")
    if images is not None and per != "frame":
        raise ViviError(f"per is {per!r}: of --images a row is always an image, leave it out")
    source: Source
    if images is not None:
        source = Images.find(images, size=size, batch=batch)
    elif videos:
        source = Videos.find(videos, fps=fps, per=per, size=size, batch=batch, scratch=work)
    else:
        assert store is not None
        source = Stored(store=ShotStore.open(store), per=per, size=size, batch=batch)
    trained.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    with locked(work):
        _remove_stale(out)
        _begin(work, source, trained=trained, batch=batch)
        _work_off(work, source, _encoder(trained, device=device), progress=progress)
        summary = _finish(work, source, trained=trained, out=out)
        shutil.rmtree(work)
    return summary


def _remove_stale(out: Path) -> None:
    """Delete what a killed call had written of the file and its lists; nobody else writes while OUT.parts is ours."""
    unfinished = re.compile(rf"{re.escape(TEMPORARY)}[0-9a-f]+-[0-9]+-{re.escape(out.name)}((\.skipped)?\.csv)?")
    for each in list(out.parent.iterdir()):
        if unfinished.fullmatch(each.name):
            each.unlink(missing_ok=True)


def _encoder(trained: LoadedEncoder, *, device: torch.device | str) -> Encode:
    def features(images_BCHW: Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = finite(encode(trained, images_BCHW, device=device)).contiguous().numpy()
        return found

    return features


def _begin(work: Path, source: Source, *, trained: LoadedEncoder, batch: int) -> None:
    """Write down what is to be done, or see that it is what was begun.

    Raises:
        ViviError: the folder is of another call, or no folder of this program.
    """
    job = {
        "format": _FORMAT,
        "version": _VERSION,
        "vivi": vivi.__version__,
        "encoder": trained.fingerprint,
        "batch": batch,
        "inputs": hashlib.sha256(as_json(source.state).encode()).hexdigest()[:12],
        **source.about,
    }
    if not (work / _JOB).exists():
        others = sorted(each.name for each in work.iterdir() if not each.name.startswith((".lock", TEMPORARY)))
        if others:
            raise ViviError(f"{work} is not empty and was not begun by vivi embed (it holds {others[0]!r}): remove it")
        write_json(work / _JOB, job)
    elif changes := differences(read_json(work / _JOB), job):
        raise ViviError(
            f"{work} was begun by another call ({'; '.join(changes[:3])}): give the same as before, or delete it"
        )
    remove_temporaries(work)


def _work_off(work: Path, source: Source, features: Encode, *, progress: Callable[[int, int], None] | None) -> None:
    """Make the parts that are not there."""
    for number, inputs in enumerate(source.parts):
        if not _part(work, number).exists():
            write_part(_part(work, number), *source.rows(inputs, features))
        if progress is not None:
            progress(inputs.stop, source.count)


def _finish(work: Path, source: Source, *, trained: LoadedEncoder, out: Path) -> EmbedSummary:
    """Put the parts together.

    Raises:
        ViviError: no input gave a row.
    """
    numbers = range(len(source.parts))
    broken: list[Broken] = []
    rows = 0
    for number in numbers:
        part, failed = read_part(_part(work, number))
        rows, broken = rows + len(part), broken + failed
    if not rows:
        shutil.rmtree(work)
        path, reason = broken[0]
        raise ViviError(f"none of {source.count} {source.unit} can be read; the first, {path}: {reason}")

    def parts() -> Iterator[Rows]:
        found = (read_part(_part(work, number))[0] for number in numbers)
        return (each for each in found if len(each))

    write_output(out, parts, about=_about(trained, source))
    skipped_file = out.with_name(f"{out.name}.skipped.csv")
    listed = sorted([*source.refused, *broken])
    _list_skipped(skipped_file, listed)
    return EmbedSummary(
        out=out,
        rows=rows,
        dim=trained.feature_dim,
        inputs=source.count - len(broken),
        unit=source.unit,
        skipped=len(listed),
        skipped_file=skipped_file if listed else None,
    )


def _part(work: Path, number: int) -> Path:
    return work / f"part-{number:06d}.npz"


def _about(trained: LoadedEncoder, source: Source) -> dict[str, Any]:
    return {
        "encoder": trained.name,
        "fingerprint": trained.fingerprint,
        "image_size": trained.image_size,
        "preprocessing": PREPROCESSING,
        "version": vivi.__version__,
        **source.about,
    }


def _list_skipped(file: Path, skipped: list[Broken]) -> None:
    """Write the list of skipped files, or remove that of an earlier run."""
    if not skipped:
        file.unlink(missing_ok=True)
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "reason"])
    writer.writerows(skipped)
    write_text(file, text.getvalue())

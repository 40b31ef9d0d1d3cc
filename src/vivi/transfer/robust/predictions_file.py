"""Predictions on frames that another program made, read from JSON, CSV or npz.

JSON    {frame: class} or {frame: [score, ...]}, the form of modestyachts/imagenet-vid-robust-example
CSV     columns "path,class", or "path" and one column for each score
npz     arrays `paths` [N] of text and `classes` [N] of whole numbers, or `scores` (or `logits`) [N, C]

A class is one of the benchmark's, from 0. Scores are of the benchmark's classes or of ImageNet's 1000, in their order.
"""

import csv
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import ViviError
from vivi.core.files import read_json, read_text
from vivi.transfer.robust.classes import OUTPUTS, Columns, Groups, match_classes, predicted_classes

ENDINGS = (".json", ".csv", ".npz")
_LEGAL = "give classes, or scores of the benchmark's classes or of ImageNet's 1000"


def read_predictions(path: Path, *, groups: Groups) -> tuple[dict[str, int], str]:
    """The predicted class of each frame in a file, and how its columns were understood, in words for results.

    Raises:
        ViviError: the file cannot be read, or a record is not what it should be; the text names both.
    """
    readers: dict[str, Callable[[Path], tuple[list[str], NDArray[Any]]]]
    readers = {".json": _from_json, ".csv": _from_csv, ".npz": _from_npz}
    frames, values = readers[path.suffix.lower()](path)
    frames = [frame.removeprefix("./") for frame in frames]
    if len(set(frames)) < len(frames):
        twice = next(frame for at, frame in enumerate(frames) if frame in frames[:at])
        raise ViviError(f"{path} has two predictions for {twice!r}: leave one")
    if values.ndim == 1:
        classes_N, matched = _classes(path, frames, values, count=len(groups.members)), "classes"
    else:
        classes_N, matched = _of_scores(path, frames, values, groups=groups)
    return dict(zip(frames, classes_N.tolist(), strict=True)), matched


def _classes(path: Path, frames: Sequence[str], values_N: NDArray[Any], *, count: int) -> NDArray[np.int64]:
    good_N = np.isin(values_N, range(count))
    if not good_N.all():
        at = int((~good_N).argmax())
        raise ViviError(
            f"{path}, {frames[at]!r}: a class is a whole number from 0 to {count - 1}, got {values_N[at]!s:.60}"
        )
    return values_N.astype(np.int64)


def _of_scores(
    path: Path, frames: Sequence[str], scores_NC: NDArray[Any], *, groups: Groups
) -> tuple[NDArray[np.int64], str]:
    width, count = scores_NC.shape[1], len(groups.members)
    finite_N = np.isfinite(scores_NC).all(axis=1)
    if not finite_N.all():
        raise ViviError(f"{path}, {frames[int((~finite_N).argmax())]!r}: a score is not finite; predict it again")
    if width == count:
        own = Columns(tuple((number,) for number in range(count)), f"scores of the benchmark's {count} classes")
        return predicted_classes(scores_NC, own), own.matched
    if width != OUTPUTS:
        raise ViviError(f"{path} has {width} scores a frame: {_LEGAL}")
    columns = match_classes(groups, classes=None, outputs=width, whose=str(path))
    return predicted_classes(scores_NC, columns), columns.matched


def _from_json(path: Path) -> tuple[list[str], NDArray[Any]]:
    record = read_json(path)
    if not isinstance(record, dict) or not record:
        raise ViviError(f"{path} is not a JSON object of predictions by frame: {_LEGAL}")
    return list(record), _array(path, list(record), list(record.values()))


def _from_csv(path: Path) -> tuple[list[str], NDArray[Any]]:
    lines = [line for line in csv.reader(read_text(path).splitlines()) if line]
    if len(lines) < 2 or lines[0][0] != "path" or len(lines[0]) < 2:
        raise ViviError(f"{path} needs a first line 'path,class', or 'path' and a name for each score, and predictions")
    head, *rows = lines
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise ViviError(f"{path}, record {number}: {len(row)} columns, the first line has {len(head)}")
    frames = [row[0] for row in rows]
    try:
        values = [[float(each) for each in row[1:]] for row in rows]
    except ValueError as error:
        raise ViviError(f"{path}: {error}: {_LEGAL}") from error
    table_NC = np.array(values)
    return frames, table_NC[:, 0] if table_NC.shape[1] == 1 else table_NC


def _from_npz(path: Path) -> tuple[list[str], NDArray[Any]]:
    try:
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array without a name")
        with found as file:
            arrays = {name: file[name] for name in file.files if name in ("paths", "classes", "scores", "logits")}
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ViviError(f"{path} is not readable as npz without pickled objects ({error})") from error
    paths_N = arrays.pop("paths", None)
    if paths_N is None or paths_N.dtype.kind != "U" or paths_N.ndim != 1 or len(arrays) != 1:
        raise ViviError(f"{path} needs the array `paths` of text and one of `classes`, `scores`: {_LEGAL}")
    (name, values), frames = arrays.popitem(), paths_N.tolist()
    if values.ndim != (1 if name == "classes" else 2) or len(values) != len(frames) or values.dtype.kind not in "iuf":
        raise ViviError(f"{path}: {name} has shape {list(values.shape)} for {len(frames)} paths: {_LEGAL}")
    return frames, values


def _array(path: Path, frames: Sequence[str], values: Sequence[Any]) -> NDArray[Any]:
    """Numbers, or lists of them that are all of one length, as an array."""
    for frame, value in zip(frames, values, strict=True):
        numbers = value if isinstance(value, list) else [value]
        if not numbers or not all(type(each) in (int, float) for each in numbers):
            raise ViviError(f"{path}, {frame!r}: expected a class or a list of scores, got {value!r:.60}")
    if len({len(value) if isinstance(value, list) else 0 for value in values}) > 1:
        raise ViviError(f"{path} mixes classes and scores, or lists of several lengths: {_LEGAL}")
    try:
        return np.array(values, np.int64 if all(type(value) is int for value in values) else np.float64)
    except OverflowError as error:
        raise ViviError(f"{path} holds a number that is too large ({error}): {_LEGAL}") from error

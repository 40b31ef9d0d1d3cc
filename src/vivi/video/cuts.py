"""Files of known cuts.

CSV with the header `path,seconds` and a line for every cut: the path of the video relative to its source, and when the
first frame of the new shot is shown, counted from the first frame. A line with empty seconds names a video without
cuts. Or JSON: an object of path -> list of seconds.
"""

import csv
import io
import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.files import sha256_file
from vivi.data.store.format import printable

_HELP = 'write a CSV with the header path,seconds, or JSON such as {"clip.mp4": [4.2, 9.0]}'


class CutsError(ViviError):
    """A file of known cuts that cannot be used, or that does not name a video."""


class NotNamedError(CutsError):
    """A video that a sound file of known cuts does not name."""


def cuts_of(video: str, file: Path, *, sha256: str = "") -> tuple[float, ...]:
    """The cuts of one video, in seconds, growing.

    Raises:
        NotNamedError: the file does not name the video.
        CutsError: the file is wrong or changed.
    """
    cuts = corrected_cuts_of(video, file, sha256=sha256)
    if cuts is None:
        raise NotNamedError(
            f"{file} does not name {video!r}: add its cuts, or a line with empty seconds if it has none"
        )
    return cuts


def corrected_cuts_of(video: str, file: Path, *, sha256: str = "") -> tuple[float, ...] | None:
    """The cuts of one video, in seconds, growing; None where the file does not name it.

    A name with characters that are not visible may stand as it is or as a store shows it, with escapes.

    Raises:
        CutsError: the file is wrong or changed.
    """
    cuts = _remembered(file, sha256)
    return cuts.get(video, cuts.get(printable(video)))


@lru_cache(maxsize=4)
def _remembered(file: Path, sha256: str) -> Mapping[str, tuple[float, ...]]:
    cuts = read_cuts(file)
    if sha256 and sha256_file(file) != sha256:
        raise CutsError(f"{file} has changed since this ingest began: put the old file back, or use another --out")
    return cuts


def read_cuts(file: Path) -> dict[str, tuple[float, ...]]:
    """The cuts of every video that the file names, in seconds, growing, each once.

    Raises:
        CutsError: the file cannot be read or is neither of the two forms; the text names the line or entry.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CutsError(f"cannot read {file}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}") from error
    pairs = _json_pairs(text, file) if text.lstrip().startswith("{") else _csv_pairs(text, file)
    cuts: dict[str, set[float]] = {}
    for where, video, seconds in pairs:
        known = cuts.setdefault(video, set())
        if seconds is not None:
            known.add(_seconds(seconds, where))
    return {video: tuple(sorted(times)) for video, times in cuts.items()}


def _csv_pairs(text: str, file: Path) -> list[tuple[str, str, Any]]:
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise CutsError(f"{file} is not a file of cuts ({error}): {_HELP}") from error
    if not rows or [name.strip() for name in rows[0][:2]] != ["path", "seconds"]:
        raise CutsError(f"{file} is not a file of cuts: {_HELP}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) == 1:
            raise CutsError(f"{file}, line {number}: expected path,seconds, found {row[0]!r}")
    return [(f"{file}, line {n}", row[0], row[1].strip() or None) for n, row in enumerate(rows[1:], start=2) if row]


def _json_pairs(text: str, file: Path) -> list[tuple[str, str, Any]]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CutsError(f"{file} is not valid JSON ({error}): {_HELP}") from error
    if not all(isinstance(times, list) for times in entries.values()):
        raise CutsError(f"{file}: every entry is a list of seconds: {_HELP}")
    return [(f"{file}, {video!r}", video, time) for video, times in entries.items() for time in (times or [None])]


def _seconds(value: Any, where: str) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise CutsError(f"{where}: {value!r} is no time in seconds")
    return seconds

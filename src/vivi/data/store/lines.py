"""videos.jsonl: a line for each stored video."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vivi.core.errors import StoreError
from vivi.data.store import format as layout
from vivi.data.store.manifest import AGAIN


def parsed_line(line: bytes, *, what: str) -> dict[str, Any]:
    """What a line says of its video; "path" and "key" are text.

    Raises:
        StoreError: the line is damaged; the text begins with `what`.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(values.get(name), str) for name in ("path", "key")):
        raise StoreError(f"{what} is damaged: {AGAIN}")
    return values


def video_lines(store: Path) -> Iterator[dict[str, Any]]:
    """What all lines say, in the order of the videos.

    Raises:
        StoreError: a line is damaged.
    """
    path = store / layout.VIDEOS
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield parsed_line(line, what=f"line {number} of {path}")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error

"""The records of finished runs in one file that can be kept beside the code: a JSON line each, in a stable order."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vivi.core.files import read_json, read_text, write_json, write_text


def restore(file: Path, wanted: Mapping[Path, Mapping[str, Any]]) -> None:
    """Write the records that are missing and that the file has.

    Args:
        file: may be missing.
        wanted: for each record's place what the record must agree with.
    """
    kept = _read(file)
    for place, identity in wanted.items():
        found = [record for record in kept if identity.items() <= record.items()]
        if found and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_json(place, found[0])


def keep(file: Path, folder: Path) -> None:
    """Add all records below `folder`; the file's others stay, an older one of the same row, seed and steps does not."""
    records = {_key(record): record for record in _read(file)}
    for place in folder.glob("runs/*/seed-*/record.json"):
        record = read_json(place)
        records[_key(record)] = record
    lines = (json.dumps(records[key], sort_keys=True) + "\n" for key in sorted(records))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, "".join(lines))


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_text(file).splitlines()] if file.exists() else []


def _key(record: Mapping[str, Any]) -> tuple[str, int, int]:
    return record["row"], record["seed"], record["steps"]

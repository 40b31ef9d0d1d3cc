"""A small ingestion, and what its store says of it."""

import csv
import json
from pathlib import Path

from vivi.core.files import sha256_file
from vivi.video.ingest import IngestSettings, ingest
from vivi.video.sources import Selection

SETTINGS = IngestSettings(fps=2.0, short_side=32)


def run(*sources: Path | str, out: Path, **selection: object) -> None:
    """Ingest with few pixels, in this process."""
    ingest(sources, out=out, settings=SETTINGS, selection=Selection(**selection), workers=1)  # type: ignore[arg-type]


def stored(out: Path) -> list[str]:
    """Paths of the stored videos, in their order."""
    return [json.loads(line)["path"] for line in (out / "videos.jsonl").read_text().splitlines()]


def skipped(out: Path) -> dict[str, str]:
    """Reasons by path."""
    with (out / "skipped.csv").open(newline="") as file:
        return {row["path"]: row["reason"] for row in csv.DictReader(file)}


def shards(out: Path) -> list[str]:
    """A checksum of each."""
    return [sha256_file(path) for path in sorted((out / "shards").iterdir())]

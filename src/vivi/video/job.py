"""What an ingest makes, written down before it begins, so that no later call continues something else by mistake."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import differences
from vivi.core.errors import StoreError
from vivi.core.files import read_json, write_json
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, printable
from vivi.data.store.reader import read_manifest
from vivi.video.sources import Listing

_OURS = {layout.WORK, layout.SKIPPED, ".lock"}
"""What an ingest that stored nothing may leave behind."""


@dataclass(frozen=True, slots=True)
class Job:
    """The settings and the inputs of one store."""

    settings: Any
    """As JSON values."""
    sources: dict[str, list[int]]
    """Relative path of every input; for those that are tried also size and time of the last change."""

    @classmethod
    def of(cls, listing: Listing, *, settings: Any) -> "Job":
        """The job of making a store of `listing`."""
        tried = {printable(each.path): [each.bytes, each.changed] for each in listing.candidates}
        return cls(settings=settings, sources=tried | {skip.path: [] for skip in listing.skipped})

    def begin(self, out: Path) -> bool:
        """Write the job down, or compare it with the one that was begun or finished in `out`.

        Returns:
            whether the store is complete.

        Raises:
            StoreError: `out` holds a store of other settings or sources; the text names what differs.
        """
        if (out / layout.MANIFEST).exists():
            settings = read_manifest(out)["info"]["settings"]
            self._compare(out, settings, dict(_inputs_of_store(out)), compared=1)
            return True
        if (out / layout.JOB).exists():
            begun = read_json(out / layout.JOB)
            self._compare(out, begun["settings"], begun["sources"], compared=2)
        else:
            write_json(out / layout.JOB, {"settings": self.settings, "sources": self.sources})
        return False

    def _compare(self, out: Path, settings: Any, sources: dict[str, list[int]], *, compared: int) -> None:
        advice = f"give the same as before, use another --out, or delete {out}"
        if changes := differences(settings, self.settings):
            raise StoreError(f"{out} was begun with other settings ({_some(changes)}): {advice}")
        changes = [f"new: {path!r}" for path in self.sources.keys() - sources.keys()]
        changes += [f"gone: {path!r}" for path in sources.keys() - self.sources.keys()]
        for path in self.sources.keys() & sources.keys():
            ours, theirs = self.sources[path][:compared], sources[path][:compared]
            changes += [f"changed: {path!r}"] if ours and theirs and ours != theirs else []
        if changes:
            raise StoreError(f"{out} was begun with other sources ({_some(sorted(changes))}): {advice}")


def refuse_foreign(out: Path) -> None:
    """Check that `out` is free or holds the work of an ingest, before anything is written there.

    Raises:
        StoreError: it is a file, or a folder with other things in it.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise StoreError(f"{out} is a file: name a folder for the store")
    if (out / layout.MANIFEST).exists() or (out / layout.JOB).exists():
        return
    others = sorted({each.name for each in out.iterdir()} - _OURS)
    if others:
        raise StoreError(f"{out} is not empty and not a store (it holds {printable(others[0])!r}): name a new folder")


def _inputs_of_store(store: Path) -> Iterator[tuple[str, list[int]]]:
    with (store / layout.VIDEOS).open() as lines:
        for line in lines:
            video = json.loads(line)
            yield video["path"], [video["bytes"]]
    for skip in read_skipped(store):
        yield skip.path, [skip.bytes]


def read_skipped(store: Path) -> list[Skip]:
    """The lines of skipped.csv."""
    with (store / layout.SKIPPED).open(newline="") as file:
        return [Skip(row["path"], row["reason"], row["detail"], int(row["bytes"])) for row in csv.DictReader(file)]


def _some(changes: list[str]) -> str:
    return "; ".join(changes[:3]) + (f"; and {len(changes) - 3} more" if len(changes) > 3 else "")

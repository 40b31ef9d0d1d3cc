"""What an ingest was given, on disk: every candidate and every refusal, in the order of their names.

A table of SQLite, since there may be millions: nothing here holds them all, and they are sorted and compared on disk.
Names are kept as bytes whose order is that of the text, whatever characters a file system allows.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import overload
from urllib.parse import quote

from vivi.core.errors import ViviError
from vivi.core.files import disk_full_named
from vivi.data.store.format import Skip, printable, video_key
from vivi.video.places import Place, place_from, place_values

_ROWS = 1000
"""Inserted at once."""
_TABLE = """
    create table inputs (
        name blob not null,     -- of a candidate, or of what is refused, as its Skip writes it
        place blob not null,    -- of a candidate, as JSON; empty for what is refused
        shown text not null,    -- the name as the store writes it
        bytes integer not null, version text not null,
        reason text not null, detail text not null
    )
"""
_READ = "select name, place, shown, bytes, version, reason, detail from inputs order by name, rowid"
_REFUSE_SECONDS = """
    update inputs set place = x'', reason = 'named twice', detail = 'another input has the same name'
    where place != x'' and exists (
        select 1 from inputs first where first.name = inputs.name and first.place != x'' and first.rowid < inputs.rowid
    )
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a video."""

    path: str
    """Relative to its source, with `/`; what the store knows it by."""
    place: Place
    bytes: int
    """Its size; 0 where that is not known before it is fetched."""
    version: str
    """Time of the last change in nanoseconds, or what a server calls this version of it; may be empty."""

    @property
    def key(self) -> str:
        """Its name inside the shards."""
        return video_key(self.path)


class Listing:
    """Everything that lies in the sources, sorted by relative path. Close it, or use it in a `with`."""

    def __init__(self, file: Path) -> None:
        """Open a listing that `write_listing` has made."""
        self._file = file
        self._tables = _connect(file)

    def __enter__(self) -> "Listing":
        return self

    def __exit__(self, *_: object) -> None:
        self._tables.close()

    def __iter__(self) -> Iterator[Candidate | Skip]:
        """All of it. Of several candidates with the same name all but the first that was found are refused.

        Raises:
            ViviError: the file cannot be read, or is of another version of vivi.
        """
        with _explained(self._file), closing(self._tables.execute(_READ)) as rows:
            for name, place, shown, size, version, reason, detail in rows:
                if place:
                    path = name.decode("utf-8", "surrogatepass")
                    yield Candidate(path, self._place(place), size, version)
                else:
                    yield Skip(shown, reason, detail, size)

    def candidates(self) -> Iterator[Candidate]:
        """What is tried."""
        return (each for each in self if isinstance(each, Candidate))

    def skipped(self) -> Iterator[Skip]:
        """What is not tried."""
        return (each for each in self if isinstance(each, Skip))

    def num_candidates(self) -> int:
        """How many are tried."""
        return self._number("select count(*) from inputs where place != x''")

    def differences(self, other: "Listing", *, versions: bool) -> list[str]:
        """What is new, gone and changed here, against `other`, in words; at most four.

        Args:
            other: what was listed before.
            versions: compare times and versions too, not only names and sizes.
        """
        with _explained(self._file):
            self._tables.execute("attach ? as other", (_address(other._file),))
            try:
                return self._compared(versions=versions)
            finally:
                self._tables.execute("detach other")

    def _compared(self, *, versions: bool) -> list[str]:
        # what is not known on one of the sides does not differ
        differ = "a.bytes != b.bytes and a.bytes and b.bytes"
        differ += " or (a.version != b.version and a.version != '' and b.version != '')" if versions else ""
        questions = {
            "new": "select shown from main.inputs except select shown from other.inputs",
            "gone": "select shown from other.inputs except select shown from main.inputs",
            "changed": "select distinct a.shown from main.inputs a join other.inputs b on a.shown = b.shown "
            f"where a.place != x'' and ({differ}) order by a.shown",
        }
        found = []
        for word, question in questions.items():
            found += [f"{word}: {shown!r}" for (shown,) in self._tables.execute(f"{question} limit 4")]
        return sorted(found)[:4]

    def _place(self, written: bytes) -> Place:
        try:
            return place_from(json.loads(written))
        except (KeyError, TypeError) as error:
            advice = "finish the ingest with that, or delete the store that it was making"
            raise ViviError(f"{self._file} was written by another version of vivi: {advice}") from error

    def _number(self, question: str) -> int:
        with _explained(self._file):
            return int(self._tables.execute(question).fetchone()[0])


class Names(Sequence[str]):
    """The relative paths of all candidates, read from the listing as they are asked for."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def __len__(self) -> int:
        return self._listing.num_candidates()

    def __iter__(self) -> Iterator[str]:
        return (each.path for each in self._listing.candidates())

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return list(self)[at]
        for path in islice(self, range(len(self))[at], None):
            return path
        raise IndexError(at)


def write_listing(file: Path, found: Iterable[Candidate | Skip]) -> None:
    """Write what was found, in any order, to a new file.

    Raises:
        ViviError: the file cannot be written.
        DiskFullError: no space.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with _explained(file), closing(_connect(file)) as tables:
        tables.execute(_TABLE)
        rows = map(_row, found)
        while chunk := list(islice(rows, _ROWS)):
            tables.executemany("insert into inputs values (?, ?, ?, ?, ?, ?, ?)", chunk)
        tables.execute("create index by_name on inputs (name)")
        tables.execute(_REFUSE_SECONDS)
        tables.execute("create index by_shown on inputs (shown)")
        tables.commit()


def _row(found: Candidate | Skip) -> tuple[bytes, bytes, str, int, str, str, str]:
    name = found.path.encode("utf-8", "surrogatepass")
    if isinstance(found, Skip):
        return name, b"", found.path, found.bytes, "", found.reason, found.detail
    place = json.dumps(place_values(found.place)).encode()
    return name, place, printable(found.path), found.bytes, found.version, "", ""


def _connect(file: Path) -> sqlite3.Connection:
    """A table that one process uses: it is written whole, or again."""
    tables = sqlite3.connect(_address(file), uri=True)
    for setting in ("journal_mode = off", "synchronous = full", "cache_size = -16384", "temp_store = file"):
        tables.execute(f"pragma {setting}")
    return tables


def _address(file: Path) -> str:
    """Without locks, which some shared file systems do not have: the folder is locked as a whole."""
    return f"file:{quote(os.fsencode(file.absolute()))}?nolock=1"


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        with disk_full_named(file):
            yield
    except sqlite3.Error as error:
        if "full" in str(error):
            with disk_full_named(file):
                raise OSError(28, "disk full") from error
        raise ViviError(f"cannot use {file} ({error}): delete it and run the same command again") from error

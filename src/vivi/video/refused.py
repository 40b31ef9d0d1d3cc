"""The inputs that are not stored, sorted on disk: there may be more of them than of videos."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import astuple

from vivi.data.store.format import Skip


class Refused(Collection[Skip]):
    """Grows in any order, is read in the order of the paths. Lives in a file without a name."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("")
        self._table.execute("create table refused (path text, reason text, detail text, bytes integer)")

    def add(self, skips: Iterable[Skip]) -> None:
        """Take note of some."""
        self._table.executemany("insert into refused values (?, ?, ?, ?)", map(astuple, skips))

    def close(self) -> None:
        """Forget all of them."""
        self._table.close()

    def __len__(self) -> int:
        return int(self._table.execute("select count(*) from refused").fetchone()[0])

    def __iter__(self) -> Iterator[Skip]:
        with closing(self._table.execute("select * from refused order by path, rowid")) as rows:
            for row in rows:
                yield Skip(*row)

    def __contains__(self, item: object) -> bool:
        return any(each == item for each in self)

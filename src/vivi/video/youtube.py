"""Ids of YouTube-8M or YouTube, mapped to files that you have: nothing is ever asked of YouTube.

A file belongs to the id that it is named by: ID.mp4 for any id, and "Some title [ID].mp4", as yt-dlp names it, for one
of 11 characters. The four characters by which YouTube-8M calls a video are another name than YouTube's; a table may
give both, in the columns id and youtube_id.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vivi.core.errors import ViviError
from vivi.data.store.format import Skip
from vivi.video.listing import Candidate
from vivi.video.tables import Row, read_rows

_LEGAL = re.compile(r"[A-Za-z0-9_-]{11}|[A-Za-z0-9]{4}")
_BRACKETS = re.compile(r"\[([A-Za-z0-9_-]{11})\]")


def only_ids(found: Iterable[Candidate | Skip], *, ids: Path) -> Iterator[Candidate | Skip]:
    """Of what was found the videos that the list of ids names, each called by its id; the others are passed over.

    An id without a file is refused as "not there".

    Args:
        found: files of any names.
        ids: .txt with an id a line, .csv or .parquet with the column id, and youtube_id if the files have that name.

    Raises:
        ViviError: see `vivi.video.tables.read_rows`; or a line that is no id.
    """
    # a table on disk, deleted when it is closed: there may be millions
    with closing(sqlite3.connect("")) as tables:
        tables.execute("create table ids (stem text primary key, id text not null, is_there not null) without rowid")
        rows = map(_ids, read_rows(ids, columns=("id", "youtube_id"), needed=("id",)))
        tables.executemany("insert or ignore into ids values (?, ?, 0)", rows)
        for each in found:
            if isinstance(each, Candidate) and (name := _named(each.path, tables)) is not None:
                yield replace(each, path=name)
        for stem, name in tables.execute("select stem, id from ids where not is_there order by id, stem"):
            yield Skip(name, "not there", f"no file {stem}.* or *[{stem}].* in the sources", 0)


def _ids(row: Row) -> tuple[str, str]:
    name = row.values.get("id", "")
    stem = row.values.get("youtube_id", name)
    for each in (name, stem):
        if not _LEGAL.fullmatch(each):
            raise ViviError(f"{row.where}: {each!r} is no id: YouTube's have 11 characters, YouTube-8M's have 4")
    return stem, name


def _named(path: str, tables: sqlite3.Connection) -> str | None:
    """The id of a file, if it is one of the list."""
    stem = PurePosixPath(path).stem
    brackets = _BRACKETS.search(stem[-13:])
    for each in (stem, brackets and brackets[1]):
        if each and _LEGAL.fullmatch(each):
            row = tables.execute("select id from ids where stem = ?", (each,)).fetchone()
            if row is not None:
                tables.execute("update ids set is_there = 1 where stem = ?", (each,))
                return str(row[0])
    return None

"""Lists of videos: a path or an address a line, or a table with the columns path (or url) and id."""

from collections.abc import Iterator
from pathlib import Path

from vivi.core.remote import address
from vivi.data.store.format import Skip, printable
from vivi.video.archives import search_archive, search_remote_archive
from vivi.video.folders import judge_file
from vivi.video.listing import Candidate
from vivi.video.names import ARCHIVE, joined
from vivi.video.objects import name_of, single_object, without_query
from vivi.video.tables import Row, read_rows

_NEEDED = ("path", "url")
_COLUMNS = ("path", "url", "id")


def search_list(file: Path, *, label: str) -> Iterator[Candidate | Skip]:
    """What a list names, in its order.

    A video is called by its id, or else as the list writes its path; an address loses what follows a question mark. A
    relative path counts from the folder of the list. Links are followed. A tar file stands for its members. Addresses
    are not asked for before they are fetched, those of tar files excepted.

    Args:
        file: .txt, .csv or .parquet.
        label: what the names begin with; may be empty.

    Raises:
        ViviError: see `vivi.video.tables.read_rows`; or the object store of a tar file refuses or cannot be reached.
    """
    for row in read_rows(file, columns=_COLUMNS, needed=_NEEDED):
        yield from _found(row, file.parent, label)


def _found(row: Row, folder: Path, label: str) -> Iterator[Candidate | Skip]:
    text = row.values.get("path") or row.values.get("url")
    if text is None:
        yield Skip(
            printable(joined(label, row.values.get("id") or row.where)), "not there", "the list names no path", 0
        )
        return
    url = address(text)
    path = joined(label, row.values.get("id") or (text if url is None else without_query(text)))
    if url is not None and name_of(url).lower().endswith(ARCHIVE):
        yield from search_remote_archive(url, label=path)
        return
    if url is not None:
        yield single_object(url, path=path)
        return
    file = _resolved(folder / text)
    if file.suffix.lower() == ARCHIVE and file.is_file():
        yield from search_archive(file, label=path)
    else:
        yield judge_file(path, file)


def _resolved(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError, ValueError):  # a knot of links, or no name at all: told when it is looked at
        return file

"""Verbs about finished shot stores: `vivi store info` is `vivi.store.info`, and so on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivi.data.store import ShotStore
    from vivi.data.store.examine import Examined
    from vivi.data.store.split import Selection
    from vivi.data.store.survey import Survey

Told = Callable[[int, int], None]
"""Called with what is done and with all."""


def info(folder: Path | str) -> "Survey":
    """What a store holds: counts, sizes, settings, and why inputs were skipped.

    Args:
        folder: the store: a folder, or s3://, gs://, az://, https://.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.data.store.survey import survey

    return survey(folder)


def verify(folder: Path | str, *, progress: Told = lambda _done, _total: None) -> "Examined":
    """Read a whole store and find each damaged file and the frames it costs; whole stores have no `damages`.

    Args:
        folder: the store: a folder, or s3://, gs://, az://, https://.
        progress: called with bytes read and in all.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.data.store.examine import examine

    return examine(folder, progress=progress)


def merge(
    stores: Sequence[Path | str],
    *,
    out: Path | str,
    copy: bool = False,
    progress: Told = lambda _done, _total: None,
) -> "ShotStore":
    """Join stores of equal settings, the videos of the first one first. Interrupted, the same call goes on.

    Args:
        stores: two or more stores in folders.
        out: the store to write. Its shards are hard links to those of the stores where the file system has them.
        copy: copy the shards, so that the stores share nothing.
        progress: called with shards done and in all.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.data.store.merge import merge as run_merge

    return run_merge([Path(each) for each in stores], out=Path(out), copy=copy, progress=progress)


def split(
    folder: Path | str,
    *,
    share: str | None = None,
    videos: Path | str | None = None,
    out: Path | str,
    rest: Path | str | None = None,
    progress: Told = lambda _done, _total: None,
) -> "tuple[ShotStore, ...]":
    """Write some of a store's videos as a store of their own. Interrupted, the same call goes on.

    Args:
        folder: the store: a folder, or s3://, gs://, az://, https://.
        share: choose by a hash of each video's path: "0.1" for the first tenth, or "0.1:0.3".
        videos: choose the videos that a text file names, a path a line as videos.jsonl has it.
        out: the store of the chosen videos.
        rest: a store of all others, if wanted.
        progress: called with videos written and in all, of the chosen ones first, then of the others.

    Returns:
        The store of the chosen videos, and that of the others where it was asked for.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.errors import ConfigError
    from vivi.data.store import ShotStore
    from vivi.data.store.split import extract

    if (share is None) == (videos is None):
        raise ConfigError("give either --share or --videos")
    source = ShotStore.open(folder)
    parts = zip(_parts(source, share=share, videos=videos), (out, rest), strict=True)
    return tuple(
        extract(source, part, out=Path(target), progress=progress) for part, target in parts if target is not None
    )


def _parts(source: "ShotStore", *, share: str | None, videos: Path | str | None) -> "tuple[Selection, Selection]":
    """The chosen videos, and all others."""
    from vivi.data.store.split import by_list, by_share, parsed_share

    if videos is not None:
        return by_list(source, file=Path(videos))
    low, high = parsed_share(share or "")
    return by_share(source, low=low, high=high)

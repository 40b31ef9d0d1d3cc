"""Verbs about finished shot stores: store info, store verify, store merge, store split."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from vivi.cli.app import app

store = App(
    name="store", help="Shot stores that vivi ingest wrote: what they hold, whether they are whole, join, part."
)
app.command(store)


@store.default
def show_help() -> None:
    """List the verbs about shot stores."""
    app.help_print(["store"])


@store.command
def info(folder: Path, /, *, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Show what a store holds: counts, sizes, settings, and why inputs were skipped.

    Parameters
    ----------
    folder
        The store: a folder, or s3://, gs://, az://, https://.
    json
        Print it as JSON.
    """
    from vivi.api.store import info as survey
    from vivi.console.store import print_survey, show_survey

    found = survey(folder)
    if json:
        print_survey(found)
    else:
        show_survey(found)


@store.command
def verify(folder: Path, /) -> None:
    """Read a whole store and name each damaged file and the frames it costs; exit code 2 if there is any.

    Parameters
    ----------
    folder
        The store: a folder, or s3://, gs://, az://, https://.
    """
    from vivi.api.store import verify as examine
    from vivi.console.store import bytes_progress, show_examined

    with bytes_progress("Verify") as progress:
        examined = examine(folder, progress=progress)
    show_examined(examined, folder=folder)


@store.command
def merge(*stores: Path, out: Path, copy: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Join stores of equal settings, the videos of the first one first. Interrupted, the same command goes on.

    Parameters
    ----------
    stores
        Two or more stores in folders.
    out
        The store to write. Its shards are hard links to those of the stores where the file system has them.
    copy
        Copy the shards, so that the stores share nothing.
    """
    from vivi.api.store import merge as run_merge
    from vivi.console.store import count_progress, show_made

    with count_progress("Merge", unit="shards") as progress:
        merged = run_merge(stores, out=out, copy=copy, progress=progress)
    show_made(merged)


@store.command
def split(
    folder: Path,
    /,
    *,
    share: str | None = None,
    videos: Path | None = None,
    out: Path,
    rest: Path | None = None,
) -> None:
    """Write some of a store's videos as a store of their own. Interrupted, the same command goes on.

    Parameters
    ----------
    folder
        The store: a folder, or s3://, gs://, az://, https://.
    share
        Choose by a hash of each video's path: 0.1 for the first tenth, or from:to such as 0.1:0.3. A video has the same
        place in every store.
    videos
        Choose the videos that a text file names, a path a line as videos.jsonl has it.
    out
        The store of the chosen videos.
    rest
        A store of all others, if wanted.
    """
    from vivi.api.store import split as run_split
    from vivi.console.store import count_progress, show_made

    with count_progress("Split", unit="videos") as progress:
        made = run_split(folder, share=share, videos=videos, out=out, rest=rest, progress=progress)
    for each in made:
        show_made(each)

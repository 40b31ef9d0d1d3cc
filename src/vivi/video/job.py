"""What an ingest makes, written down before it begins, so that no later call continues something else by mistake.

.work/listing.db    every input, see `vivi.video.listing`
.work/job.json      the settings; written last, so an ingest has begun when this file is there
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vivi.core.config import differences, dump
from vivi.core.errors import StoreError
from vivi.core.files import TEMPORARY, read_json, sync_folder, write_json
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, printable
from vivi.data.store.manifest import read_manifest
from vivi.data.store.skipped import read_skipped
from vivi.video.listing import Candidate, Listing, Names, write_listing
from vivi.video.settings import IngestSettings

LISTING = f"{layout.WORK}/listing.db"
_OURS = {layout.WORK, layout.SKIPPED, ".lock"}
"""What an ingest that stored nothing may leave behind."""


def begin(out: Path, found: Iterable[Candidate | Skip], *, settings: IngestSettings) -> bool:
    """Write the job down, or compare it with the one that was begun or finished in `out`.

    Args:
        out: locked.
        found: every input.
        settings: those of the store.

    Returns:
        whether the store is complete; if not, `LISTING` is what is to be done.

    Raises:
        StoreError: `out` holds a store of other settings or sources; the text names what differs.
        ViviError: an input cannot be listed, or the shot method can cut none of the videos; `out` is as before.
    """
    work, ours = out / layout.WORK, dump(settings)
    fresh, theirs = work / f"{TEMPORARY}listing.db", work / f"{TEMPORARY}stored.db"
    try:
        write_listing(fresh, found)
        with Listing(fresh) as listing:
            settings.shots.check(Names(listing))
        if (out / layout.MANIFEST).exists():
            write_listing(theirs, _inputs_of_store(out))
            _compare(out, read_manifest(out)["info"]["settings"], ours, listings=(fresh, theirs), versions=False)
            return True
        if (out / layout.JOB).exists():
            begun = read_json(out / layout.JOB)
            if not (out / LISTING).exists():
                raise StoreError(f"{out} was begun by another version of vivi: finish it with that, or delete it")
            _compare(out, begun["settings"], ours, listings=(fresh, out / LISTING), versions=True)
        else:
            fresh.rename(out / LISTING)
            sync_folder(work)
            write_json(out / layout.JOB, {"settings": ours})
        return False
    finally:
        for file in (fresh, theirs):
            file.unlink(missing_ok=True)
        if not (out / layout.MANIFEST).exists() and not (out / layout.JOB).exists():
            shutil.rmtree(work, ignore_errors=True)


def _compare(out: Path, theirs: Any, ours: Any, *, listings: tuple[Path, Path], versions: bool) -> None:
    advice = f"give the same as before, use another --out, or delete {out}"
    if changes := differences(theirs, ours):
        raise StoreError(f"{out} was begun with other settings ({_some(changes)}): {advice}")
    with ExitStack() as stack:
        now, before = (stack.enter_context(Listing(file)) for file in listings)
        if changes := now.differences(before, versions=versions):
            more = "" if versions else "; new videos go into a store of their own, and vivi store merge joins both"
            raise StoreError(f"{out} was begun with other sources ({_some(changes)}): {advice}{more}")


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


def _inputs_of_store(store: Path) -> Iterator[Skip]:
    """All that a store was made of, with sizes; that of what was not tried means nothing."""
    with (store / layout.VIDEOS).open() as lines:
        for line in lines:
            video = json.loads(line)
            yield Skip(video["path"], "", "", video["bytes"])
    yield from read_skipped(store)


def _some(changes: list[str]) -> str:
    return "; ".join(changes[:3]) + ("; and more" if len(changes) > 3 else "")

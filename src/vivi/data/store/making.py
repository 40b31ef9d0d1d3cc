"""A store that is made of other stores: begun, broken off, gone on with, and whole only at the end.

.work/making.json says what is being made. The same call goes on with it, another one is refused; every file appears
whole, store.json last, and then .work goes.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vivi.core.errors import StoreError
from vivi.core.files import locked, read_json, remove_temporaries, write_json
from vivi.core.remote import address
from vivi.data.store import format as layout


@contextmanager
def making(out: Path, job: Any) -> Iterator[bool]:
    """Hold `out` while a store is made there; gives whether it is to be made, or was whole already.

    Args:
        out: a folder that is missing, empty, or holds what the same job began.
        job: everything that decides the store's bytes, as JSON values.

    Raises:
        StoreError: `out` holds something else.
        ViviError: `out` is in use, or cannot be written.
    """
    _refuse_other(out, job)
    with locked(out):
        remove_temporaries(out)
        begun = (out / layout.MAKING).exists()
        if not begun and not (out / layout.MANIFEST).exists():
            write_json(out / layout.MAKING, job)
        yield not (out / layout.MANIFEST).exists()
        shutil.rmtree(out / layout.WORK, ignore_errors=True)


def _refuse_other(out: Path, job: Any) -> None:
    if address(out) is not None:
        raise StoreError(f"{address(out)}: a store is made in a folder; copy it to its address afterwards")
    if out.exists() and not out.is_dir():
        raise StoreError(f"{out} is a file: name a folder for the store")
    begun = out / layout.MAKING
    if begun.exists():
        if read_json(begun) != job:
            raise StoreError(f"{out} was begun with other stores or flags: give the same again, or another folder")
        return
    others = sorted({each.name for each in out.iterdir()} - {".lock"}) if out.exists() else []
    if layout.MANIFEST in others:
        raise StoreError(f"{out} is a store already: name a new folder")
    if others:
        raise StoreError(f"{out} is not empty (it holds {layout.printable(others[0])!r}): name a new folder")

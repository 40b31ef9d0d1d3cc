"""The files of a store in a folder: bytes at any place of any of them, the files left open."""

import os
import stat
import weakref
from pathlib import Path
from typing import Protocol

from vivi.core.errors import StoreError
from vivi.data.store import format as layout
from vivi.data.store.manifest import AGAIN, Manifest

_MAX_OPEN = 256


class ShardFiles(Protocol):
    """Where frames are read from. Any number of threads may use it at once."""

    @property
    def where(self) -> str:
        """The store, for messages."""

    def read(self, name: str, offset: int, size: int) -> bytes:
        """`size` bytes of the file `name` of the store from `offset` on.

        Raises:
            StoreError: the file has no such bytes, or cannot be read.
        """

    def forget(self, name: str, offset: int, size: int) -> bool:
        """Whether there was a copy of these bytes at hand; it is not used again."""

    def close(self) -> None:
        """Close what is open; happens by itself when it is no longer used."""


class LocalFiles:
    """Files below the folder `root`, whose sizes are those of the manifest."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.where: str = str(root)
        self._root = root
        self._entries = manifest.files
        self._handles: dict[str, int] = {}
        self._finalizer = weakref.finalize(self, _close_all, self._handles)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """See `ShardFiles`."""
        if not 0 <= offset <= offset + size <= self._entries[name].bytes:
            raise StoreError(f"{self._root / name} has no {size} bytes at {offset}, the index is damaged: {AGAIN}")
        try:
            data = self._pread(name, offset, size)
        except PermissionError as error:
            raise forbidden(self._root / name, error) from error
        except OSError as error:
            raise StoreError(f"cannot read {self._root / name} ({error.strerror}): {AGAIN}") from error
        if len(data) != size:
            raise StoreError(f"{self._root / name} is shorter than when it was opened: {AGAIN}")
        return data

    def forget(self, name: str, offset: int, size: int) -> bool:  # noqa: ARG002
        """Never: nothing is copied."""
        return False

    def close(self) -> None:
        """Close the files; happens by itself when they are no longer used."""
        self._finalizer()

    def _pread(self, name: str, offset: int, size: int) -> bytes:
        handle = self._handles.get(name)
        if handle is not None:
            return os.pread(handle, size, offset)
        handle = os.open(self._root / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(handle, size, offset)
        finally:
            if len(self._handles) >= _MAX_OPEN or self._handles.setdefault(name, handle) != handle:
                os.close(handle)
        return data


def forbidden(file: Path, error: PermissionError) -> StoreError:
    """The error of a file of a store that is there and may not be read: it is not damaged."""
    return StoreError(f"cannot read {file} ({error.strerror}): see that you may read it")


def check_sizes(root: Path, manifest: Manifest) -> None:
    """See that every file is there and has its size, and that there are no other shards.

    Raises:
        StoreError: a file is missing, of another size, or does not belong there; the text names it.
    """
    for name, entry in manifest.files.items():
        try:
            state = os.stat(f"{root}/{name}")  # noqa: PTH116 (there may be a hundred thousand)
        except PermissionError as error:
            raise forbidden(root / name, error) from error
        except OSError as error:
            raise StoreError(f"{root / name}: {error.strerror}, though the store needs it: {AGAIN}") from error
        if not stat.S_ISREG(state.st_mode):
            raise StoreError(f"{root / name} is no regular file: {AGAIN}")
        if (size := state.st_size) != entry.bytes:
            raise StoreError(f"{root / name} has {size} bytes instead of {entry.bytes}: {AGAIN}")
    shards = {name.rpartition("/")[2] for name in manifest.files if name not in manifest.lists}
    folder = root / layout.SHARDS
    there = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
    for extra in sorted(there - shards):
        raise StoreError(f"{folder / extra} does not belong to the store: remove it")


def _close_all(handles: dict[str, int]) -> None:
    for handle in handles.values():
        os.close(handle)
    handles.clear()

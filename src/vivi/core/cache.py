"""A cache on disk: a folder of bounded size that the processes of a machine share, emptied from its oldest end.

Everything in it can be fetched again. A file appears whole or not at all; whoever reads one that was just removed asks
for it anew. Nothing is synchronised to the disk: what a power cut damages is found by the checksums of its readers.

    VIVI_CACHE      the folder; ~/.cache/vivi if not set
    VIVI_CACHE_GB   its bound in units of 10**9 bytes; 20 if not set
"""

import errno
import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vivi.core.errors import ConfigError, ViviError
from vivi.core.files import TEMPORARY

FOLDER, BOUND = "VIVI_CACHE", "VIVI_CACHE_GB"
_DEFAULT = 20.0
_SHARE = 64
"""A process looks at the whole cache each time it has written this part of the bound."""
_ABANDONED = 3600.0
"""Seconds after which a block that is being written counts as left by a process that was killed."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Held:
    """A folder of the cache that stays as long as it is held."""

    path: Path
    lock: BinaryIO

    def release(self) -> None:
        """Let it go; it may be removed from now on."""
        self.lock.close()


class Cache:
    """Blocks (small files) and folders below one folder. Any number of threads and processes may use it at once.

    Args:
        root: the folder; made when needed.
        limit: bytes that all of it may take. Each process that writes may have written a 64th of that, and one more
            block, since it last looked at the whole, so P of them together exceed it by up to P - 1 64ths.
    """

    def __init__(self, root: Path, *, limit: int) -> None:
        self.root: Path = root
        self.limit: int = limit
        self._lock = threading.Lock()
        self._unseen = limit
        """Bytes that were written since this process last looked at the whole; at first it knows nothing."""

    @classmethod
    def open(cls) -> "Cache":
        """The cache of this user.

        Raises:
            ConfigError: VIVI_CACHE_GB is not a positive number.
            ViviError: there is no home folder and VIVI_CACHE is not set.
        """
        bound = os.environ.get(BOUND) or str(_DEFAULT)
        try:
            limit = int(float(bound) * 1e9)
        except (ValueError, OverflowError):
            limit = 0
        if limit <= 0:
            raise ConfigError(f"{BOUND}={bound}: must be a positive number, the gigabytes that the cache may take")
        if folder := os.environ.get(FOLDER):
            return cls(Path(folder), limit=limit)
        try:
            return cls(Path.home() / ".cache" / "vivi", limit=limit)
        except RuntimeError as error:
            raise ViviError(f"there is no home folder for a cache: set {FOLDER} to a folder") from error

    def get(self, key: str) -> bytes | None:
        """The block `key`, or None; from now on it counts as new."""
        path = self._block(key)
        try:
            data = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        return data

    def put(self, key: str, data: bytes) -> None:
        """Keep the block `key`, unless the disk is full.

        Raises:
            ViviError: the folder cannot be written.
        """
        path = self._block(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=TEMPORARY, delete=False) as file:
                temporary = Path(file.name)
                try:
                    file.write(data)
                    file.flush()
                    temporary.replace(path)
                except BaseException:
                    temporary.unlink(missing_ok=True)
                    raise
        except OSError as error:
            if error.errno not in _FULL:
                raise _unusable(path, error) from error
        self._wrote(len(data))

    def remove(self, key: str) -> bool:
        """Forget the block `key`; whether it was there."""
        try:
            self._block(key).unlink()
        except FileNotFoundError:
            return False
        return True

    def hold(self, key: str, *, make: Callable[[Path], None]) -> Held:
        """The folder `key`, which one process makes and others wait for; it stays until it is released.

        Args:
            key: what the folder holds, wholly: a checksum.
            make: fills the folder that it is given, in which an attempt that failed may have left finished files.

        Raises:
            ViviError: the folder cannot be written, or what `make` raises.
        """
        path = self.root / "folders" / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_name(f"{key}.lock").open("a+b")
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            while True:
                fcntl.flock(lock, fcntl.LOCK_SH)
                if path.is_dir():
                    os.utime(path)
                    return Held(path, lock)
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._make(path, make)
        except BaseException:
            lock.close()
            raise

    def trim(self, limit: int) -> None:
        """Remove the oldest until at most `limit` bytes are left; what is held stays.

        Several processes may do so at once: they find the same to be the oldest.
        """
        entries = sorted([*self._blocks(), *self._folders()])
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= limit:
                return
            if _removed(path):
                total -= size

    def _make(self, path: Path, make: Callable[[Path], None]) -> None:
        if path.is_dir():
            return
        part = path.with_name(f"{path.name}.part")
        part.mkdir(exist_ok=True)
        make(part)
        part.rename(path)
        self._wrote(_size_of(path))

    def _wrote(self, size: int) -> None:
        with self._lock:
            self._unseen += size
            if self._unseen * _SHARE <= self.limit:
                return
            self._unseen = 0
        self.trim(self.limit - self.limit // _SHARE)

    def _block(self, key: str) -> Path:
        return self.root / "blocks" / key[:2] / key

    def _blocks(self) -> list[tuple[float, int, Path]]:
        found = []
        for folder in (self.root / "blocks").glob("*"):
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        state = entry.stat()
                        if not entry.name.startswith(TEMPORARY) or time.time() - state.st_mtime > _ABANDONED:
                            found.append((state.st_mtime, state.st_size, folder / entry.name))
        return found

    def _folders(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in (self.root / "folders").glob("*"):
            with suppress(FileNotFoundError):
                if path.is_dir():
                    found.append((path.stat().st_mtime, _size_of(path), path))
        return found


def _removed(path: Path) -> bool:
    """Remove a block, or a folder that nobody holds; whether it is gone."""
    if path.parent.name != "folders":
        path.unlink(missing_ok=True)
        return True
    with path.with_name(f"{path.name.removesuffix('.part')}.lock").open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        shutil.rmtree(path, ignore_errors=True)
        return True


def _size_of(folder: Path) -> int:
    """Bytes of what is in it; others may be writing there."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _unusable(path: Path, error: OSError) -> ViviError:
    return ViviError(f"cannot use the cache {path} ({error.strerror}): set {FOLDER} to a folder that can be written")

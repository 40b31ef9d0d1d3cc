"""Files that are either whole or absent: temporary name, fsync, rename. Also locks, checksums and crash points."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from vivi.core.errors import DiskFullError, ViviError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
TEMPORARY = ".tmp-"


@contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Turn the operating system's disk-full errors into one that names the file.

    Raises:
        DiskFullError: no space, no quota, or the file size limit was reached.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(
            f"no space left while writing {path} ({os.strerror(error.errno or 0)}); what was finished before is "
            "intact: free some space and run the same command again"
        ) from error


@cache
def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def _writer() -> str:
    """A name of this process among those of all machines that share a folder."""
    return f"{_machine()}-{os.getpid()}"


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that appears under `path` only when the block ends without an error.

    Raises:
        DiskFullError: the disk is full; nothing appears under `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{_writer()}-{path.name}")
    try:
        with disk_full_named(path):
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            crash_point(f"before-rename:{path.name}")
            temporary.rename(path)
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that becomes `path`, replacing what was there, only when the block ends without an error.

    Raises:
        DiskFullError: the disk is full; what was at `path` is intact.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{_writer()}-{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with disk_full_named(path):
            temporary.mkdir()
            yield temporary
            crash_point(f"before-rename:{path.name}")
            _put_in_place(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _put_in_place(fresh: Path, path: Path) -> None:
    """Rename `fresh` to `path`; what was there is deleted only when the new folder has its name."""
    old = path.with_name(f"{TEMPORARY}old-{path.name}")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    try:
        fresh.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def check_output(path: Path) -> None:
    """See before the work that a file can be written to `path`.

    Raises:
        ViviError: it is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise ViviError(f"{path} is a folder: name a file to write")
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """See before the work that `folder` is there, or can be made, and that files can be written in it.

    Raises:
        ViviError: it is a file, or cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise ViviError(f"cannot make the folder {folder} ({error.strerror}): choose another --out") from error
    if not writable:
        raise ViviError(f"cannot write in {folder}: choose another --out")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_temporaries(folder: Path) -> None:
    """Delete what a killed writer left under temporary names below `folder`."""
    for path in list(folder.rglob(f"{TEMPORARY}*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_file(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON with a stable order of keys to `path`, atomically."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_text(path: Path) -> str:
    """Read a UTF-8 text file.

    Raises:
        ViviError: the file is missing or is not UTF-8; the text names it.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ViviError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ViviError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ViviError: the file is missing or is not JSON; the text names it.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ViviError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ViviError(f"{path} is not valid JSON ({error}): it is damaged or was not written by vivi") from error


def sha256_file(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process; the lock dies with the process, however it ends.

    Raises:
        ViviError: the folder cannot be written, or another process holds it; the text names its pid and host.
    """
    path = folder / ".lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = path.open("a+")
    except OSError as error:
        raise ViviError(f"cannot write in {folder} ({error.strerror}): choose another --out") from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stale = not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise ViviError(f"{folder} is in use by {holder}: wait for it to end, or choose another folder") from error
        if stale:
            raise ViviError(f"{folder} was in use until this moment: run the same command again")
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def crash_point(name: str) -> None:
    """Die as by kill -9 where the tests ask for it (environment variable VIVI_CRASH_AT); else do nothing."""
    if os.environ.get("VIVI_CRASH_AT") == name:
        os.kill(os.getpid(), signal.SIGKILL)

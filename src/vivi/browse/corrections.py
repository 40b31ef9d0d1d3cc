"""The file of corrected cuts: the one file that the browser may write, and only where it was asked to."""

import csv
import fcntl
import io
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vivi.core.errors import ViviError
from vivi.core.files import write_text
from vivi.core.visible import visible
from vivi.video.cuts import read_cuts

_Cuts = dict[str, tuple[float, ...]]


class Corrections:
    """Cuts by the path of their video, kept in a CSV file that `vivi ingest` reads (see `vivi.video.cuts`).

    What the file says of other videos stays. It is read again when somebody else has changed it, and several browsers
    of this machine write to it one after the other.

    Raises:
        ViviError: the file cannot be written, or holds something else.
    """

    def __init__(self, file: Path) -> None:
        self.file: Path = file.resolve()
        self._lock = threading.Lock()
        self._state: tuple[int, int, int] | None = None
        self._cuts: _Cuts = {}
        if self.file.is_dir():
            raise ViviError(f"--edit {file} is a folder: name a CSV file")
        if self.file.parent.exists() and not os.access(self.file.parent, os.W_OK):
            raise ViviError(f"--edit {file}: its folder cannot be written, choose another place")
        if self.file.exists():
            if self.file.read_bytes().lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                raise ViviError(f"--edit {file} is JSON: name a CSV file of cuts, or one that does not exist yet")
            self._read()

    def of(self, path: str) -> tuple[float, ...] | None:
        """The cuts of a video, in seconds, growing; None where the file does not name it."""
        with self._lock:
            return self._read().get(path)

    def save(self, path: str, cuts: Iterable[float]) -> None:
        """Write the cuts of a video, in seconds; none says that it is one shot. The file changes whole or not at all.

        Raises:
            ViviError: the file has become something else, the disk is full, or the name cannot stand in it; it is as it
                was.
        """
        if "\r" in path or "\x00" in path or not _is_text(path):
            raise ViviError(f"{visible(path)}: this name cannot stand in a CSV file, so its cuts cannot be corrected")
        with self._alone():
            self._write({**self._read(), path: tuple(sorted(set(cuts)))})

    def forget(self, path: str) -> None:
        """Leave a video as ingest finds it.

        Raises:
            ViviError: as `save`.
        """
        with self._alone():
            if path in self._read():
                self._write({name: cuts for name, cuts in self._cuts.items() if name != path})

    def _read(self) -> _Cuts:
        if not self.file.exists():
            self._state, self._cuts = None, {}
        elif (state := self._stamp()) != self._state:
            self._cuts, self._state = read_cuts(self.file), state
        return self._cuts

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads, and other processes of this machine, from writing between our reading and writing."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            folder = os.open(self.file.parent, os.O_RDONLY)
            try:
                with suppress(OSError):  # some network file systems lock no folders
                    fcntl.flock(folder, fcntl.LOCK_EX)
                yield
            finally:
                os.close(folder)

    def _stamp(self) -> tuple[int, int, int]:
        found = self.file.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _write(self, cuts: _Cuts) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", "seconds"])
        for path in sorted(cuts):
            writer.writerows([path, repr(second).removesuffix(".0")] for second in cuts[path])
            if not cuts[path]:
                writer.writerow([path, ""])
        write_text(self.file, text.getvalue())
        self._cuts, self._state = cuts, self._stamp()


def _is_text(path: str) -> bool:
    """Whether UTF-8 can hold it; a stray byte of a file system's name cannot."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True

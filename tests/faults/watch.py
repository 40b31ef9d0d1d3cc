"""Tells whether anybody opens a file: Linux's inotify, through the C library."""

import ctypes
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

_OPENED = 0x20
_HEADER = struct.Struct("iIII")


class Watched:
    """Files that nobody may open until the end of the block."""

    def __init__(self, files: Sequence[Path]) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._handle = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._names = {library.inotify_add_watch(self._handle, os.fsencode(file), _OPENED): file for file in files}
        if self._handle < 0 or min(self._names) < 0:
            raise OSError(ctypes.get_errno(), "inotify does not work here")

    def __enter__(self) -> "Watched":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def opened(self) -> list[Path]:
        """Which were opened since the last question."""
        try:
            data = os.read(self._handle, 1 << 16)
        except BlockingIOError:
            return []
        found = []
        while data:
            watch, _, _, length = _HEADER.unpack_from(data)
            found.append(self._names[watch])
            data = data[_HEADER.size + length :]
        return found

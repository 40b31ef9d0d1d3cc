"""Who is missing: every rank tells the others how many meetings it has come to; one that waits too long names the rest.

All ranks come to the same meetings (collective operations) in the same order, so whoever has come to fewer than we have
is whom we wait for.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

STUCK = 76
"""Exit code of a process that has waited too long for others."""
_TELL_SECONDS = 5.0


class Board(Protocol):
    """Where all ranks write and read, such as torch.distributed.Store."""

    def set(self, key: str, value: str) -> None:
        """Write."""

    def get(self, key: str) -> bytes:
        """Read; waits until it is there."""

    def check(self, keys: list[str]) -> bool:
        """Whether all are there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rank is."""

    meetings: int
    """That it has come to."""
    step: int
    """Of the run, counted from 1."""
    phase: str

    @classmethod
    def read(cls, text: str) -> "Place":
        """What `written` has written."""
        meetings, step, phase = text.split(" ", 2)
        return cls(int(meetings), int(step), phase)

    def written(self) -> str:
        """In a line."""
        return f"{self.meetings} {self.step} {self.phase}"


class Watch:
    """Of one rank; without `begin` it only keeps count.

    Args:
        rank: ours.
        size: how many there are.
    """

    def __init__(self, *, rank: int = 0, size: int = 1) -> None:
        self._rank, self._size = rank, size
        self._place = Place(0, 0, "start")
        self._since: float | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def place(self) -> Place:
        """Where we are."""
        return self._place

    def at(self, phase: str, *, step: int | None = None) -> None:
        """From now on we are in this phase of this step, counted from 1."""
        before = self._place
        self._place = Place(before.meetings, before.step if step is None else step, phase)

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """Within the block we wait for the others."""
        before = self._place
        self._place = Place(before.meetings + 1, before.step, before.phase)
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def begin(self, board: Board, *, seconds: float, end: Callable[[str], None] | None = None) -> None:
        """Watch in a thread until `finish`.

        Args:
            board: shared by all ranks, used by this thread alone.
            seconds: that a rank may wait for others.
            end: called with the message when they are over; None: show it and end the process with code `STUCK`.
        """
        often = min(_TELL_SECONDS, seconds / 8)
        arguments = (board, seconds, often, end or _end)
        self._thread = threading.Thread(target=self._watch, args=arguments, name="watch", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Watch no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(2 * _TELL_SECONDS)  # it may be in a call to a launcher that is gone

    def _watch(self, board: Board, seconds: float, often: float, end: Callable[[str], None]) -> None:
        while not self._ended.wait(often):
            try:
                board.set(_key(self._rank), self._place.written())
                since = self._since
                if since is not None and time.monotonic() - since > seconds:
                    end(self._message(board, seconds))
                    return
            except RuntimeError:  # the board is gone, and with it the launcher, who ends us
                return

    def _message(self, board: Board, seconds: float) -> str:
        others = [rank for rank in range(self._size) if rank != self._rank]
        places = {rank: _place(board, rank) for rank in others}
        absent = {rank: place for rank, place in places.items() if place.meetings < self._place.meetings}
        names = ", ".join(f"rank {rank} ({_shown(place)})" for rank, place in absent.items())
        missing = names or "a rank that has come as far: the network between them, or a GPU, is stuck"
        return (
            f"rank {self._rank} has waited {seconds:g} s in {_shown(self._place)} for {missing}; VIVI_TIMEOUT sets "
            "the seconds; the same command goes on from the newest checkpoint"
        )


def _place(board: Board, rank: int) -> Place:
    key = _key(rank)
    return Place.read(board.get(key).decode()) if board.check([key]) else Place(0, 0, "start")


def _shown(place: Place) -> str:
    return f"step {place.step}, {place.phase}" if place.step else place.phase


def _key(rank: int) -> str:
    return f"vivi/watch/{rank}"


def _end(message: str) -> None:
    print(f"vivi: {message}", file=sys.stderr, flush=True)
    os._exit(STUCK)

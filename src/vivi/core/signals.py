"""Ctrl-C, SIGTERM and SIGUSR1 as a wish to stop at the next step boundary."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class StopWish:
    """Whether somebody asked the run to stop."""

    asked: bool = False


@contextmanager
def stop_on_signals() -> Iterator[StopWish]:
    """While the block runs, the signals only set the wish; a second SIGINT raises KeyboardInterrupt.

    Handlers belong to the main thread; in another thread nothing is changed, and nobody can ask.

    SIGUSR1 is what SLURM is usually asked to send some time before the end (`--signal=B:USR1@120`).
    """
    wish = StopWish()

    def ask(number: int, _frame: FrameType | None) -> None:
        if wish.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        wish.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not of Python

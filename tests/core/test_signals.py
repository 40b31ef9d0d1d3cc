"""Signals that ask a run to stop, and threads where nobody can ask."""

import os
import signal
import threading

from vivi.core.signals import stop_on_signals


def test_a_signal_is_a_wish_and_the_handlers_come_back():
    before = signal.getsignal(signal.SIGUSR1)
    with stop_on_signals() as wish:
        assert not wish.asked
        os.kill(os.getpid(), signal.SIGUSR1)
        assert wish.asked
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_handler_that_is_not_of_python_becomes_the_default_one(monkeypatch):
    """Nobody but C can put it back: `signal.signal` gives None for it, and takes none."""
    before, install = signal.getsignal(signal.SIGUSR1), signal.signal
    found = []

    def installed(number, handler):
        found.append(handler)
        install(number, handler)

    monkeypatch.setattr(signal, "signal", installed)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with stop_on_signals():
            pass
        assert found[3:] == [signal.SIG_DFL] * 3
    finally:
        for number, handler in (kept | {signal.SIGUSR1: before}).items():
            install(number, handler)


def test_a_run_may_be_started_in_a_thread():
    """Handlers belong to the main thread alone."""
    found, before = [], signal.getsignal(signal.SIGTERM)

    def work():
        with stop_on_signals() as wish:
            found.append(wish.asked)
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]

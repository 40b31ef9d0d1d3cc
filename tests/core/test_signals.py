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

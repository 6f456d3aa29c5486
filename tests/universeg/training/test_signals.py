"""What SIGTERM and Ctrl-C do during training."""

import signal
import threading

import pytest

from universeg.training.signals import blocked_stop_signals, stop_signals


def test_the_second_signal_has_its_usual_effect():
    # Python ignores SIGINT if its parent did, as shells do for background jobs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with stop_signals() as caught:
        signal.raise_signal(signal.SIGINT)
        assert caught == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_other_threads_leave_the_handlers_as_they_are():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def work():
        with stop_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_stop_signals_can_be_delayed():
    caught = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: caught.append(number))
    try:
        with blocked_stop_signals():
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            assert caught == []
        assert caught == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)

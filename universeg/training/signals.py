"""Stop signals: finish the current step and save before the process ends. No torch here."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Within this context the first SIGTERM or SIGINT is put into the list; the second has its usual effect."""
    caught = list[int]()
    # Only the main thread may handle signals; in other threads they keep their usual effect.
    numbers = STOP_SIGNALS if current_thread() is main_thread() else ()
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def catch(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        restore()

    for number in numbers:
        signal.signal(number, catch)
    try:
        yield caught
    finally:
        restore()


@contextmanager
def blocked_stop_signals() -> Iterator[None]:
    """Within this context SIGTERM and SIGINT are delayed; in processes that it starts, until they unblock them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

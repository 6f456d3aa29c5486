"""Stop signals: finish the current step and save before the process ends. No torch here."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Within this context the first SIGTERM or SIGINT is put into the list; the second has its usual effect."""
    caught = list[int]()
    # Only the main thread may handle signals; in other threads they keep their usual effect.
    numbers = (signal.SIGTERM, signal.SIGINT) if current_thread() is main_thread() else ()
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

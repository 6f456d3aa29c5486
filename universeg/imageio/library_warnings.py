"""Collect what libraries warn of while they read a file, by warnings or by logging, so that it is not printed raw."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 2  # warnings that are kept for one file: a damaged one may give hundreds
LONGEST = 160  # characters of one
NIBABEL = "nibabel.global"  # this logger prints by itself; those of other libraries leave it to the root logger
FOR_DEVELOPERS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@contextmanager
def library_warnings() -> Iterator[list[str]]:
    """A list that holds the warnings, as notes for the user, after the block; empty if the block raises an error."""
    collected, notes = _Collector(), list[str]()
    root, nibabel = logging.getLogger(), logging.getLogger(NIBABEL)
    try:
        root.addHandler(collected)
        nibabel.addFilter(collected.take)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield notes
    finally:
        root.removeHandler(collected)
        nibabel.removeFilter(collected.take)
    messages = [str(one.message) for one in seen if not issubclass(one.category, FOR_DEVELOPERS)]
    distinct = dict.fromkeys(" ".join(message.split())[:LONGEST] for message in [*messages, *collected.messages])
    notes += [f"the library that reads it warns: {message}" for message in list(distinct)[:MOST]]


class _Collector(logging.Handler):
    """Keeps the messages of warnings and errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def take(self, record: logging.LogRecord) -> bool:
        """As the filter of a logger: keep the message, and let no handler of that logger see it."""
        if record.levelno >= logging.WARNING:
            self.emit(record)
        return False

"""Collect what libraries warn of while they read a file: by warnings, by logging, or on standard error."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from threading import RLock

from universeg.base.command import STANDARD_ERROR, python_writes_to_standard_error

MOST = 2  # warnings that are kept for one file: a damaged one may give hundreds
LONGEST = 160  # characters of one
NIBABEL = "nibabel.global"  # this logger prints by itself; those of other libraries leave it to the root logger
MOST_PRINTED = 3  # lines of one file
# Beginnings and other marks of the lines that ITK, libtiff, libpng and libjpeg print, up to the end of the line. For
# programs that use this package, in which Python writes to the same stream.
PRINTED = re.compile(
    rb"(?:Meta(?:Image|Object|Io|Command): |MET_\w+: | +ideal = |Uncompress failed|Incomplete file record"
    rb"|\w+ required and not defined|\w+ defined prior to defining"
    rb"|_?TIFF\w+: |tempfile\.tif: |libpng \w+: "
    rb"|Corrupt JPEG data|Premature end of JPEG|JPEG datastream|Not a JPEG file|Bogus |Unsupported |Invalid JPEG"
    rb"|Improper call to JPEG"
    # A function of libtiff that decompresses, such as LZWDecode, Fax3DecodeRLE and horAcc8.
    rb"|\w*(?:Decode|Encode|Setup|Acc|Predictor|Strip|Tile|CCITT|JPEGLib)\w*: "
    # A source file of C++, and the matrix that it then shows.
    rb"|/\S+\.(?:hxx|cxx|txx|cpp|h|c): |(?<![^\n\r])M = \[[^\]]*\])"
    rb"[^\n]*\n?"
)
_one_at_a_time = RLock()  # the stream belongs to the whole process
FOR_DEVELOPERS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@contextmanager
def library_warnings() -> Iterator[list[str]]:
    """A list that holds the warnings, as notes for the user, after the block; empty if the block raises an error."""
    collected, notes = _Collector(), list[str]()
    root, nibabel = logging.getLogger(), logging.getLogger(NIBABEL)
    try:
        root.addHandler(collected)
        nibabel.addFilter(collected.take)
        with printed_lines() as printed, warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield notes
    finally:
        root.removeHandler(collected)
        nibabel.removeFilter(collected.take)
    messages = [str(one.message) for one in seen if not issubclass(one.category, FOR_DEVELOPERS)]
    distinct = dict.fromkeys(
        " ".join(message.split())[:LONGEST] for message in [*messages, *collected.messages, *printed]
    )
    notes += [f"the library that reads it warns: {message}" for message in list(distinct)[:MOST]]


@contextmanager
def printed_lines() -> Iterator[list[str]]:
    """A list that holds, after the block, the first lines that C libraries printed on standard error in it.

    Commands give Python a stream of its own, so all lines are of C libraries. In other programs, only the lines of
    PRINTED are taken, and all others, such as those of another thread, appear after the block.
    """
    lines = list[str]()
    with _one_at_a_time, TemporaryFile() as file:
        try:
            screen = os.dup(STANDARD_ERROR)
        except OSError:  # the process has no standard error
            yield lines
            return
        os.dup2(file.fileno(), STANDARD_ERROR)
        try:
            yield lines
        finally:
            os.dup2(screen, STANDARD_ERROR)
            os.close(screen)
            file.seek(0)
            printed = file.read()
            shared = python_writes_to_standard_error()
            found = PRINTED.findall(printed) if shared else printed.splitlines()
            distinct = dict.fromkeys(" ".join(line.decode("utf-8", "replace").split()) for line in found)
            lines += list(filter(None, distinct))[:MOST_PRINTED]
            if shared and (others := PRINTED.sub(b"", printed)):
                os.write(STANDARD_ERROR, others)


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

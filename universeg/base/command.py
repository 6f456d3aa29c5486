"""What all commands have in common: --version, errors as sentences instead of tracebacks, and a clean Ctrl-C."""

import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from universeg import __version__

STANDARD_ERROR = 2  # the number of the stream
READER_ENDED = 141  # exit status that shells give to a program whose reader ended first


@contextmanager
def quiet_when_reader_ends() -> Iterator[None]:
    """End without a message if the program that reads standard output ends first, as in `COMMAND | head`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_has_ended():
            raise
        # Python writes what is left when it ends, which would show an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(READER_ENDED)


def own_error_stream() -> None:
    """Let Python write its messages to a copy of standard error.

    C libraries write to the stream itself. So what they print while they read an image can be told from messages and
    progress bars (imageio/library_warnings).
    """
    if python_writes_to_standard_error():
        sys.stderr = os.fdopen(os.dup(STANDARD_ERROR), "w", 1, sys.stderr.encoding, "backslashreplace")


def python_writes_to_standard_error() -> bool:
    """Whether messages of Python go to the stream of the process itself, as those of C libraries."""
    try:
        return sys.stderr.fileno() == STANDARD_ERROR
    except (AttributeError, OSError, ValueError):  # there is no stream, or it was replaced by something else
        return False


def _reader_has_ended() -> bool:
    """Whether nobody reads standard output. Other pipes can break too, such as those of worker processes."""
    output = select.poll()
    output.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in output.poll(0))


def run_command(
    name: str,
    action: Callable[[Sequence[str]], int | None],
    args: Sequence[str] | None = None,
    failure: int = 1,
    interrupted: str = "run the same command again to continue",
) -> None:
    """Call `action` with the words of the command line, and exit with the status that it returns (None is success).

    ValueError and OSError are mistakes that a person can correct: the message goes to standard error, and the exit
    status is `failure`. After Ctrl-C the exit status is 130, and the message says what `interrupted` says.
    """
    own_error_stream()
    words = list(sys.argv[1:] if args is None else args)
    if "--version" in words:
        sys.stdout.write(f"{name} (universeg {__version__})\n")
        return
    try:
        with quiet_when_reader_ends():
            status = action(words)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(failure)
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{name}: interrupted; {interrupted}\n")
        sys.exit(130)
    if status:
        sys.exit(status)

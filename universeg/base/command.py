"""What all commands have in common: --version, errors as sentences instead of tracebacks, and a clean Ctrl-C."""

import sys
from collections.abc import Callable, Sequence

from universeg import __version__


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
    words = list(sys.argv[1:] if args is None else args)
    if "--version" in words:
        sys.stdout.write(f"{name} (universeg {__version__})\n")
        return
    try:
        status = action(words)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(failure)
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{name}: interrupted; {interrupted}\n")
        sys.exit(130)
    if status:
        sys.exit(status)

"""Lines of text for people."""

from collections.abc import Iterable

from rich.console import Console


def say(console: Console, line: str) -> None:
    """Print a line as it is: names and values in it may look like markup, and nothing is wrapped or coloured."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def warn(console: Console, about: str, found: Iterable[str]) -> None:
    """Print warnings, which are shown even when quiet."""
    for warning in found:
        say(console, f"warning: {about}: {warning}")

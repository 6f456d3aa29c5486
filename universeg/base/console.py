"""Lines of text for people."""

from rich.console import Console


def say(console: Console, line: str) -> None:
    """Print a line as it is: names and values in it may look like markup, and nothing is wrapped or coloured."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)

"""Messages and progress bars of the stages, on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # rich is loaded when something is shown: most jobs of the workflow show nothing
    from rich.console import Console


@cache
def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def say(line: str) -> None:
    """Print a line without breaking a progress bar."""
    _console().print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)


def is_shown(progress: bool | None) -> bool:
    """Whether to draw a bar: the value of `progress`, or only on a terminal if it is None."""
    return _console().is_terminal if progress is None else progress


@contextmanager
def progress_bar(
    title: str, total: int | None, done: int = 0, of_bytes: bool = False, progress: bool | None = None
) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs. It yields a function: call it with the number of new items (or bytes)."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts: list[ProgressColumn] = [DownloadColumn(), TransferSpeedColumn()] if of_bytes else [MofNCompleteColumn()]
    columns = TextColumn("{task.description}", markup=False), BarColumn(), *counts, TimeRemainingColumn()
    with Progress(*columns, console=_console(), disable=not is_shown(progress)) as bar:
        task = bar.add_task(title, total=total, completed=done)
        yield lambda added: bar.advance(task, added)

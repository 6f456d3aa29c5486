"""Look a name up in a table, with an error message that lists the known names."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def choose(table: Mapping[str, T], name: str, what: str) -> T:
    """The entry called `name`. Raises ValueError with all known names if there is none; `what` names the thing."""
    if name in table:
        return table[name]
    raise ValueError(f"unknown {what} {name!r}; known: {', '.join(sorted(table))}")

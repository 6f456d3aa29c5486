"""Look a name up in a table; an unknown name lists the known ones."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def choose(table: Mapping[str, T], name: str, what: str) -> T:
    """The entry called `name`; raises ValueError with the known names if there is none."""
    if name in table:
        return table[name]
    raise ValueError(f"unknown {what} {name!r}; known: {', '.join(sorted(table))}")

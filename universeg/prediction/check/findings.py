"""One thing that is probably wrong with examples or an image: what, what to do, and whether `--fix` can do it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

LISTED = 6  # names that a message lists

Action = Literal["swap", "resize", "invert", "fill", "turn", "leave out"]


@dataclass(frozen=True)
class Fix:
    """A change of the examples in memory. The files are never changed."""

    action: Action
    examples: tuple[int, ...]  # numbers of the examples, from 0
    turn: int = 0  # of masks: index in likeness.TURNS


@dataclass(frozen=True)
class Finding:
    """What is probably wrong, in one sentence, and what to do about it."""

    says: str
    remedy: str = ""
    fix: Fix | None = None  # what `--fix` does

    @property
    def told(self) -> str:
        """The same, and whether `--fix` can do it."""
        return f"{self} (--fix does this)" if self.fix else str(self)

    def __str__(self) -> str:
        return f"{self.says}; {self.remedy}" if self.remedy else self.says


def about(name: str, says: str) -> str:
    """The sentence with the name of an example before it; an image to segment has no name here."""
    return f"{name}: {says}" if name else says


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - LISTED} more" if len(every) > LISTED else ""
    return ", ".join(every[:LISTED]) + more


def count_of(found: Sequence[int], of: int, what: str) -> str:
    """For messages: "all 8 masks", or "2 of 8 masks"."""
    return f"all {of} {what}" if len(found) == of else f"{len(found)} of {of} {what}"

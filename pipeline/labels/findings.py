"""What the label kinds notice in the label files of one scan: decisions, and values that the manifest does not name."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Background = tuple[int, ...] | Literal["others"]


@dataclass(frozen=True)
class Findings:
    """A list to which the decoders add."""

    notes: list[tuple[str, str]] = field(default_factory=list)  # what had to be decided, and the file
    unnamed: Counter[tuple[int, str]] = field(default_factory=Counter)  # (value, file) -> samples

    def note(self, notes: Sequence[str], file: str) -> None:
        """Add what had to be decided while a file was read."""
        self.notes.extend((note, file) for note in notes)

    def count_unnamed(self, values: NDArray[Any], named: NDArray[np.bool_], known: Background, file: str) -> None:
        """Count the samples that are not 0, not `named`, and do not have one of the known background values."""
        if known == "others":
            return
        found, counts = np.unique(values[(values != 0) & ~named], return_counts=True)
        new = {(int(value), file): int(n) for value, n in zip(found, counts, strict=True) if value not in _set(known)}
        self.unnamed.update(new)


def _set(known: Background) -> Collection[int]:
    return () if known == "others" else set(known)

"""Whether files lie twice in a dataset's folder: some sources hold their own tree a second time."""

import filecmp
from collections.abc import Sequence
from pathlib import Path


def identical(some: Sequence[str], others: Sequence[str], root: Path) -> bool:
    """Whether as many other files, none of them the same, hold the same bytes in the same order; paths below `root`."""
    if len(some) != len(others) or any(one == other for one, other in zip(some, others, strict=True)):
        return False
    pairs = [(root / one, root / other) for one, other in zip(some, others, strict=True)]
    try:
        return all(filecmp.cmp(one, other, shallow=False) for one, other in pairs)
    except OSError:  # who reads it later says which file, and why
        return False

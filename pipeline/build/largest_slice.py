"""Which slice of a volume shows most of a label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from universeg.standardise.resample import Grid


def largest(counts: NDArray[np.integer], grid: Grid, axis: int) -> int:
    """Index of the slice with the most mask along `axis`, from the samples inside along it; the lowest of several.

    Area is kept by the masks' matrices, so the amount in each slice follows from counts along the axis alone.
    """
    amounts = grid.mask_weights[axis].astype(np.float64) @ counts
    return int(np.argmax(amounts >= amounts.max() * (1 - 1e-6)))  # equal but for rounding is equal


def counts_along(inside: NDArray[np.bool_]) -> Sequence[NDArray[np.integer]]:
    """For each axis of a volume the number of samples inside at each place along it, in one pass of its memory."""
    outer = int(np.argmax(np.abs(inside.strides)))
    planes = np.moveaxis(inside, outer, 0)
    counts = np.array([np.count_nonzero(plane) for plane in planes])
    used = np.flatnonzero(counts)
    slab = planes[used[0] : used[-1] + 1] if used.size else planes[:1]
    plane = slab.sum(axis=0, dtype=np.uint32)
    first, second = plane.sum(axis=1), plane.sum(axis=0)
    found: list[NDArray[np.integer]] = [first, second]
    found.insert(outer, counts)
    return found

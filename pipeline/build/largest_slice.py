"""Find the slice of a volume that shows most of a label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from universeg.standardise.resample import Grid


def largest_slice(counts: NDArray[np.integer], grid: Grid, axis: int) -> int:
    """Index, on the standard grid, of the slice with the largest mask along `axis`; the lowest index if several tie.

    `counts` is the number of mask samples at each position along the axis of the source volume (`counts_per_axis`).
    Resampling within a slice keeps areas, so the counts of the samples that a slice is made of give its area.
    """
    areas = grid.slice_weights[axis].astype(np.float64) @ counts
    return int(np.argmax(areas >= areas.max() * (1 - 1e-6)))  # areas that differ by rounding only are ties


def counts_per_axis(mask: NDArray[np.bool_]) -> Sequence[NDArray[np.integer]]:
    """For each axis of a volume: the number of mask samples at each position along it. Reads the volume once.

    A picture is its own only slice, so its only count is that of all samples of the mask.
    """
    if mask.ndim == 2:
        return [np.array([np.count_nonzero(mask)])]
    outer = int(np.argmax(np.abs(mask.strides)))
    planes = np.moveaxis(mask, outer, 0)
    counts = np.array([np.count_nonzero(plane) for plane in planes])
    used = np.flatnonzero(counts)
    slab = planes[used[0] : used[-1] + 1] if used.size else planes[:1]
    plane = slab.sum(axis=0, dtype=np.uint32)
    first, second = plane.sum(axis=1), plane.sum(axis=0)
    found: list[NDArray[np.integer]] = [first, second]
    found.insert(outer, counts)
    return found

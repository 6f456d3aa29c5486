"""Middle and largest slices of a scan on its standard grid, computing no more than those slices.

What comes out equals slicing the whole resampled volume: resampling is one matrix per axis, so a slice is one row
of its axis's matrix applied to the volume, then the other two matrices.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.standardise.resample import Array, Grid, apply
from universeg.store.format import Pixels


def middle(grid: Grid) -> int:
    """Index of the middle slice: 64 of 128."""
    return grid.size // 2


def cut(values: NDArray[Any], weights: Sequence[Array], axis: int, index: int) -> Pixels:
    """Slice `index` along `axis` of the resampled `values` as uint8; a 2-D picture is its own only slice."""
    if values.ndim == 2:
        return quantise(apply(values, weights))
    row = weights[axis][index]
    reached = np.flatnonzero(row)
    low, high = (int(reached[0]), int(reached[-1]) + 1) if reached.size else (0, 1)
    slab = np.moveaxis(values, axis, 0)[low:high].astype(np.float32, copy=False)
    flat = np.tensordot(row[low:high], slab, axes=1)
    return quantise(apply(flat, [w for k, w in enumerate(weights) if k != axis]))


def largest(inside: NDArray[np.bool_], grid: Grid, axis: int) -> int:
    """Index of the slice with the most mask along `axis`; the lowest of several.

    Area is kept by the masks' matrices, so the amount in each slice follows from counts along the axis alone.
    """
    counts = np.count_nonzero(inside, axis=tuple(k for k in range(inside.ndim) if k != axis))
    amounts = grid.mask_weights[axis].astype(np.float64) @ counts
    return int(np.argmax(amounts >= amounts.max() * (1 - 1e-6)))  # equal but for rounding is equal


def quantise(values: Array) -> Pixels:
    """[0, 1] as 0..255, to the nearest step."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)

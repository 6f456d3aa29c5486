"""Which slice of a volume shows most of a label."""

import numpy as np
from numpy.typing import NDArray

from universeg.standardise.resample import Grid


def largest(inside: NDArray[np.bool_], grid: Grid, axis: int) -> int:
    """Index of the slice with the most mask along `axis`; the lowest of several.

    Area is kept by the masks' matrices, so the amount in each slice follows from counts along the axis alone.
    """
    counts = np.count_nonzero(inside, axis=tuple(k for k in range(inside.ndim) if k != axis))
    amounts = grid.mask_weights[axis].astype(np.float64) @ counts
    return int(np.argmax(amounts >= amounts.max() * (1 - 1e-6)))  # equal but for rounding is equal

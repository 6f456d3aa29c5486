"""Smooth noise: a sum of coarse grids of normal numbers, each brought to full size linearly.

The paper's code calls it Perlin noise; unlike Perlin's it has no gradients.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

REFERENCE = 256  # lengths are given in pixels of a canvas of this size


def points(spacings: Sequence[float]) -> list[int]:
    """How many grid points, that far apart, a canvas has along each axis."""
    return [ceil(REFERENCE / spacing) for spacing in spacings]


def draw_grids(
    numbers: np.random.Generator, shapes: Sequence[tuple[int, ...]], most_sd: float
) -> list[NDArray[np.float32]]:
    """One grid of normal numbers per shape, each with its own standard deviation, uniform in [0, most_sd]."""
    sds = numbers.uniform(0, most_sd, len(shapes)).astype(np.float32)
    return [sd * numbers.standard_normal(shape, np.float32) for sd, shape in zip(sds, shapes, strict=True)]


def smooth(grids: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
    """Sum of grids (B, C, ...), each stretched to (B, C, *shape): its outermost points are the outermost pixels."""
    total, *others = (_stretched(grid, shape) for grid in grids)
    for other in others:
        total = total + other
    return total


def _stretched(grid: Tensor, shape: tuple[int, ...]) -> Tensor:
    mode = {2: "bilinear", 3: "trilinear"}[len(shape)]
    return interpolate(grid, size=shape, mode=mode, align_corners=True)

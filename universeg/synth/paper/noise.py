"""Smooth noise: a sum of coarse grids of normal numbers, each interpolated linearly to full size.

The paper's code calls it Perlin noise, but it does not use gradients as Perlin noise does.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from universeg.synth.scene.numbers import with_dims
from universeg.synth.task import RandomStreams

REFERENCE_CANVAS = 256  # pixels; lengths in SynthConfig refer to a canvas of this size


def grid_points(spacings: Sequence[float]) -> list[int]:
    """The number of grid points along each axis of the canvas, for each spacing."""
    return [ceil(REFERENCE_CANVAS / spacing) for spacing in spacings]


def draw_grids(rng: np.random.Generator, shapes: Sequence[tuple[int, ...]], max_sd: float) -> list[NDArray[np.float32]]:
    """A grid of normal numbers for each array shape; each has its own standard deviation, uniform in [0, max_sd]."""
    sds = rng.uniform(0, max_sd, len(shapes)).astype(np.float32)
    return [sd * rng.standard_normal(shape, np.float32) for sd, shape in zip(sds, shapes, strict=True)]


def draw_subject_grids(
    streams: RandomStreams, purpose: str, subjects: Sequence[int], shapes: Sequence[tuple[int, ...]], max_sd: float
) -> list[Tensor]:
    """As `draw_grids`, for each of B subjects: grids (B, *shape) on the device."""
    if streams.together:
        generator, device, count = streams.generator(purpose, "grids"), streams.device, len(subjects)
        sds = max_sd * torch.rand(len(shapes), count, generator=generator, device=device)
        return [
            with_dims(sd, 1 + len(shape)) * torch.randn(count, *shape, generator=generator, device=device)
            for sd, shape in zip(sds, shapes, strict=True)
        ]
    grids = [draw_grids(rng, shapes, max_sd) for rng in streams.rngs(purpose, subjects)]
    return [streams.tensor(level) for level in zip(*grids, strict=True)]


def smooth_noise(grids: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
    """Sum of grids (B, C, ...), each interpolated to (B, C, *shape). The outermost points are the outermost pixels."""
    total, *others = (_interpolated(grid, shape) for grid in grids)
    for other in others:
        total = total + other
    return total


def _interpolated(grid: Tensor, shape: tuple[int, ...]) -> Tensor:
    mode = {2: "bilinear", 3: "trilinear"}[len(shape)]
    return interpolate(grid, size=shape, mode=mode, align_corners=True)

"""The geometry: a random partition of the canvas into shapes."""

from math import ceil

import numpy as np
from torch import Tensor

from universeg.synth.config import SHAPES, SynthConfig
from universeg.synth.paper.noise import REFERENCE_CANVAS, draw_grids, grid_points, smooth_noise
from universeg.synth.paper.warp import warped
from universeg.synth.task import RandomStreams


def draw_shape_count(rng: np.random.Generator, config: SynthConfig) -> int:
    """The number of shapes of a task."""
    fewest, most = SHAPES[config.n_labels]
    return int(rng.integers(fewest, most, endpoint=True))


def partition(streams: RandomStreams, config: SynthConfig, shapes: int) -> Tensor:
    """A shape map (H, W) uint8. Each shape has a warped noise image, and the largest one at a pixel gives its shape."""
    side = config.canvas
    rng = streams.rng("geometry", "noise")
    # The driver also multiplies all by one random factor, which cannot change which image is largest.
    grids = draw_grids(rng, [(shapes, n, n) for n in grid_points(config.shape_spacings)], 1)
    noise = smooth_noise([streams.tensor([grid]) for grid in grids], (side, side))[0]
    fields = warp_fields(streams, config, shapes)
    warped_noise = warped(noise.view(len(fields), -1, side, side), fields)
    return warped_noise.flatten(0, 1).argmax(0).byte()


def warp_fields(streams: RandomStreams, config: SynthConfig, shapes: int) -> Tensor:
    """Displacements (1 or shapes, 2, H, W) in pixels.

    As in the driver, the noise is also smooth along the axis of the shapes, with the same spacings. So up to 16 shapes
    have a common displacement.
    """
    rng = streams.rng("geometry", "warp")
    max_sd = rng.uniform(*config.warp_sd) * config.canvas / REFERENCE_CANVAS
    spacings = config.warp_spacings
    coarse = [(2, ceil(shapes / s), n, n) for s, n in zip(spacings, grid_points(spacings), strict=True)]
    grids = [streams.tensor([grid]) for grid in draw_grids(rng, coarse, max_sd)]
    distinct = 1 if all(shape[1] == 1 for shape in coarse) else shapes
    return smooth_noise(grids, (distinct, config.canvas, config.canvas))[0].transpose(0, 1)

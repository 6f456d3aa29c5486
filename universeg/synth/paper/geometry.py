"""The anatomy of a task: which shape each pixel of the canvas belongs to."""

from math import ceil

import numpy as np
from torch import Tensor

from universeg.synth.config import SHAPES, SynthConfig
from universeg.synth.paper.noise import REFERENCE, draw_grids, points, smooth
from universeg.synth.paper.warp import warped
from universeg.synth.task import RandomStreams


def count_shapes(numbers: np.random.Generator, config: SynthConfig) -> int:
    fewest, most = SHAPES[config.n_labels]
    return int(numbers.integers(fewest, most, endpoint=True))


def partition(streams: RandomStreams, config: SynthConfig, shapes: int) -> Tensor:
    """A map (H, W) uint8 of the noise image, one of `shapes`, that is largest at each pixel after a warp."""
    side = config.canvas
    numbers = streams.numbers("geometry", "noise")
    # The driver also draws a common factor; it cannot change which image is largest.
    grids = draw_grids(numbers, [(shapes, n, n) for n in points(config.shape_spacings)], 1)
    noise = smooth([streams.tensor([grid]) for grid in grids], (side, side))[0]
    fields = warp_fields(streams, config, shapes)
    moved = warped(noise.view(len(fields), -1, side, side), fields)
    return moved.flatten(0, 1).argmax(0).byte()


def warp_fields(streams: RandomStreams, config: SynthConfig, shapes: int) -> Tensor:
    """(1 or shapes, 2, H, W) in pixels. The driver spaces grids along the shapes too, so 16 or fewer move as one."""
    numbers = streams.numbers("geometry", "warp")
    most_sd = numbers.uniform(*config.warp_sd) * config.canvas / REFERENCE
    spacings = config.warp_spacings
    coarse = [(2, ceil(shapes / s), n, n) for s, n in zip(spacings, points(spacings), strict=True)]
    grids = [streams.tensor([grid]) for grid in draw_grids(numbers, coarse, most_sd)]
    distinct = 1 if all(shape[1] == 1 for shape in coarse) else shapes
    return smooth(grids, (distinct, config.canvas, config.canvas))[0].transpose(0, 1)

"""The geometry: a random partition of the canvas into shapes."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from universeg.synth.config import SHAPES, SynthConfig
from universeg.synth.paper.noise import REFERENCE_CANVAS, draw_grids, grid_points, smooth_noise
from universeg.synth.paper.warp import warped
from universeg.synth.task import RandomStreams


def draw_shape_count(rng: np.random.Generator, config: SynthConfig) -> int:
    """The number of shapes of a task."""
    fewest, most = SHAPES[config.n_labels]
    return int(rng.integers(fewest, most, endpoint=True))


def partitions(tasks: Sequence[RandomStreams], config: SynthConfig, shapes: int) -> Tensor:
    """A shape map (T, H, W) uint8 for each task.

    Each shape has a warped noise image, and the largest one at a pixel gives its shape.
    """
    side = config.canvas
    # The driver also multiplies all by one random factor, which cannot change which image is largest.
    sizes = [(shapes, n, n) for n in grid_points(config.shape_spacings)]
    grids = [draw_grids(streams.rng("geometry", "noise"), sizes, 1) for streams in tasks]
    noise = smooth_noise([tasks[0].tensor(level) for level in zip(*grids, strict=True)], (side, side))
    fields = warp_fields(tasks, config, shapes).flatten(0, 1)
    warped_noise = warped(noise.view(len(fields), -1, side, side), fields)
    return warped_noise.view(len(tasks), shapes, side, side).argmax(1).byte()


def warp_fields(tasks: Sequence[RandomStreams], config: SynthConfig, shapes: int) -> Tensor:
    """Displacements (T, 1 or shapes, 2, H, W) in pixels.

    As in the driver, the noise is also smooth along the axis of the shapes, with the same spacings. So up to 16 shapes
    have a common displacement.
    """
    coarse = [
        (2, ceil(shapes / s), n, n)
        for s, n in zip(config.warp_spacings, grid_points(config.warp_spacings), strict=True)
    ]
    drawn = [_draw_warp(streams, config, coarse) for streams in tasks]
    grids = [tasks[0].tensor(level) for level in zip(*drawn, strict=True)]
    distinct = 1 if all(shape[1] == 1 for shape in coarse) else shapes
    return smooth_noise(grids, (distinct, config.canvas, config.canvas)).transpose(1, 2)


def _draw_warp(
    streams: RandomStreams, config: SynthConfig, shapes: Sequence[tuple[int, ...]]
) -> list[NDArray[np.float32]]:
    rng = streams.rng("geometry", "warp")
    max_sd = rng.uniform(*config.warp_sd) * config.canvas / REFERENCE_CANVAS
    return draw_grids(rng, shapes, max_sd)

"""The appearance: in each subject, each shape has a mean intensity and Gaussian noise; Perlin noise is added to all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.synth.config import SynthConfig
from universeg.synth.paper.noise import draw_subject_grids, grid_points, smooth_noise
from universeg.synth.task import RandomStreams

PerShape = NDArray[np.float64]


@dataclass(frozen=True)
class Palette:
    """Parameters that are common to the subjects of a task."""

    means: PerShape  # (shapes,) in [0, 1], at one end of the drift
    drifted: PerShape  # (shapes,) in [0, 1], at the other end
    noise_sd: tuple[float, float]  # smallest and largest
    black: float  # fraction of subjects in which shape 0 is black
    perlin_points: Sequence[int] = ()  # grid points of the Perlin noise along each axis, for each of its grids
    perlin_sd: float = 0  # of each grid, at most


def draw_palette(streams: RandomStreams, config: SynthConfig, shapes: int) -> Palette:
    """The palette of one task with this number of shapes."""
    rng = streams.rng("appearance")
    means = rng.uniform(0, 1, shapes)
    drift = rng.normal(0, rng.uniform(*config.mean_drift_sd), shapes)
    noise_sd = rng.uniform(*config.min_noise_sd), rng.uniform(*config.max_noise_sd)
    perlin_sd = streams.rng("perlin").uniform(*config.perlin_sd)
    points = grid_points(config.perlin_spacings) if perlin_sd else []
    return Palette(means, np.clip(means + drift, 0, 1), noise_sd, config.black_background, points, perlin_sd)


@dataclass(frozen=True)
class Look:
    """Parameters of B subjects."""

    means: Tensor  # (B, shapes)
    sds: Tensor  # (B, shapes) of the noise
    noise: Tensor  # (B, H, W) standard normal numbers
    perlin: Sequence[Tensor]  # grids (B, 1, n, n) of the Perlin noise; none if there is no such noise


def draw_look(streams: RandomStreams, palette: Palette, side: int, subjects: Sequence[int]) -> Look:
    """The look of these subjects of a task, on a canvas with `side` pixels."""
    drawn = [_subject(rng, palette) for rng in streams.rngs("appearance", subjects)]
    means, sds = (streams.tensor(rows) for rows in zip(*drawn, strict=True))
    shapes = [(1, points, points) for points in palette.perlin_points]
    perlin = draw_subject_grids(streams, "perlin", subjects, shapes, palette.perlin_sd) if shapes else []
    return Look(means, sds, streams.noise(side, subjects), perlin)


def rendered(look: Look, maps: Tensor) -> Tensor:
    """Images (B, H, W) of shape maps (B, H, W): at each pixel the mean of its shape plus noise."""
    images = _per_shape(look.means, maps) + _per_shape(look.sds, maps) * look.noise
    return images + smooth_noise(look.perlin, (maps.shape[-2], maps.shape[-1]))[:, 0] if look.perlin else images


def _subject(rng: np.random.Generator, palette: Palette) -> tuple[PerShape, PerShape]:
    """Mean and standard deviation of the noise of each shape, in one subject."""
    means = palette.means + (palette.drifted - palette.means) * rng.uniform(0, 1, len(palette.means))
    sds = rng.uniform(*palette.noise_sd, len(palette.means))
    if rng.uniform() < palette.black:
        means[0] = sds[0] = 0
    return means, sds


def _per_shape(table: Tensor, maps: Tensor) -> Tensor:
    """At each pixel of maps (B, H, W) the entry of its shape in a table (B, shapes)."""
    if len(maps) > 1:  # on a GPU; on a CPU, which has one subject at a time, the other form is faster
        return table.gather(1, maps.flatten(1).long()).view(maps.shape)
    return torch.stack(
        [row.index_select(0, at.flatten().int()).view(at.shape) for row, at in zip(table, maps, strict=True)]
    )

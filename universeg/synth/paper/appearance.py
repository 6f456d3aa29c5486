"""The appearance: in each subject, each shape has a mean intensity and Gaussian noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.synth.config import SynthConfig
from universeg.synth.task import RandomStreams

PerShape = NDArray[np.float64]


@dataclass(frozen=True)
class Palette:
    """Parameters that are common to the subjects of a task."""

    means: PerShape  # (shapes,) in [0, 1], at one end of the drift
    drifted: PerShape  # (shapes,) in [0, 1], at the other end
    noise_sd: tuple[float, float]  # smallest and largest
    black: float  # fraction of subjects in which shape 0 is black


def draw_palette(streams: RandomStreams, config: SynthConfig, shapes: int) -> Palette:
    """The palette of one task with this number of shapes."""
    rng = streams.rng("appearance")
    means = rng.uniform(0, 1, shapes)
    drift = rng.normal(0, rng.uniform(*config.mean_drift_sd), shapes)
    noise_sd = rng.uniform(*config.min_noise_sd), rng.uniform(*config.max_noise_sd)
    return Palette(means, np.clip(means + drift, 0, 1), noise_sd, config.black_background)


def rendered(streams: RandomStreams, palette: Palette, maps: Tensor, subjects: Sequence[int]) -> Tensor:
    """Images (B, H, W) of shape maps (B, H, W): at each pixel the mean of its shape plus noise of this shape."""
    drawn = [_subject(streams.rng("appearance", s), palette) for s in subjects]
    means, sds = (streams.tensor(rows) for rows in zip(*drawn, strict=True))
    noise = torch.stack([streams.noise(maps.shape[-1], "noise", s) for s in subjects])
    return _per_shape(means, maps) + _per_shape(sds, maps) * noise


def _subject(rng: np.random.Generator, palette: Palette) -> tuple[PerShape, PerShape]:
    """Mean and standard deviation of the noise of each shape, in one subject."""
    means = palette.means + (palette.drifted - palette.means) * rng.uniform(0, 1, len(palette.means))
    sds = rng.uniform(*palette.noise_sd, len(palette.means))
    if rng.uniform() < palette.black:
        means[0] = sds[0] = 0
    return means, sds


def _per_shape(table: Tensor, maps: Tensor) -> Tensor:
    """At each pixel of maps (B, H, W) the entry of its shape in a table (B, shapes)."""
    return torch.stack(
        [row.index_select(0, at.flatten().int()).view(at.shape) for row, at in zip(table, maps, strict=True)]
    )

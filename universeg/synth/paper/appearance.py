"""Intensity of each shape in each subject: a mean that drifts, and noise."""

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
    """What the subjects of a task have in common."""

    means: PerShape  # (shapes,) in [0, 1], at one end of the drift
    drifted: PerShape  # (shapes,) in [0, 1], at the other end
    noise_sd: tuple[float, float]  # weakest and strongest
    black: float  # share of subjects in which shape 0 is black


def draw_palette(streams: RandomStreams, config: SynthConfig, shapes: int) -> Palette:
    numbers = streams.numbers("appearance")
    means = numbers.uniform(0, 1, shapes)
    drift = numbers.normal(0, numbers.uniform(*config.mean_drift_sd), shapes)
    noise_sd = numbers.uniform(*config.least_noise_sd), numbers.uniform(*config.most_noise_sd)
    return Palette(means, np.clip(means + drift, 0, 1), noise_sd, config.black_background)


def painted(streams: RandomStreams, palette: Palette, maps: Tensor, subjects: Sequence[int]) -> Tensor:
    """Images (B, H, W) of maps (B, H, W), each pixel its shape's mean plus its shape's Gaussian noise."""
    drawn = [_subject(streams.numbers("appearance", s), palette) for s in subjects]
    means, sds = (streams.tensor(rows) for rows in zip(*drawn, strict=True))
    noise = torch.stack([streams.pixels(maps.shape[-1], "noise", s) for s in subjects])
    return _per_shape(means, maps) + _per_shape(sds, maps) * noise


def _subject(numbers: np.random.Generator, palette: Palette) -> tuple[PerShape, PerShape]:
    """Mean and noise of each shape."""
    means = palette.means + (palette.drifted - palette.means) * numbers.uniform(0, 1, len(palette.means))
    sds = numbers.uniform(*palette.noise_sd, len(palette.means))
    if numbers.uniform() < palette.black:
        means[0] = sds[0] = 0
    return means, sds


def _per_shape(table: Tensor, maps: Tensor) -> Tensor:
    """Values of table (B, shapes) at each pixel of maps (B, H, W)."""
    return torch.stack(
        [row.index_select(0, at.flatten().int()).view(at.shape) for row, at in zip(table, maps, strict=True)]
    )

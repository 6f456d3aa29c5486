"""Shapes: outlines as levels (M, H, W), which are -1 at the centre, 0 at the edge and positive outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.synth.scene.fields import index_of_largest, shared_noise
from universeg.synth.scene.numbers import Number, cos, plus, sin, with_dims
from universeg.synth.scene.random_draws import Draws

ANGLES = 512


@dataclass(frozen=True)
class Outline:
    """A star-convex shape: for each subject the radius at each angle."""

    radii: Tensor  # (M, ANGLES), from -pi to pi
    aspect: Number  # of width to height, before the rotation
    angle: Number  # of the rotation


def draw_outline(
    draws: Draws, radius: Number, waves: tuple[float, float] = (0.02, 0.25), aspect: float = 1.6
) -> Outline:
    """An outline with a mean radius of `radius`; subjects differ a little.

    `waves` is the range of its roughness: most outlines are round, a few are jagged. `aspect` is the largest ratio of
    width to height.
    """
    count = draws.integer(3, 6)
    common = draws.normal_table(2 * count) * with_dims(draws.log_uniform(*waves), 2)
    differences = draws.normal_table_each(2 * count) * with_dims(draws.log_uniform(0.005, 0.06), 2)
    series = draws.constant(_series, count)
    radii = with_dims(radius, 2) * (1 + (common + differences) @ series).clip(0.2)
    return Outline(draws.tensor(radii), draws.log_uniform(1 / aspect, aspect), draws.uniform(0, pi))


@lru_cache(16)
def _series(count: int) -> NDArray[np.float64]:
    """Waves (2 * count, ANGLES): the Fourier series in the angle of an outline, from order 2."""
    theta = np.linspace(-pi, pi, ANGLES, endpoint=False)
    orders = np.arange(2, count + 2)[:, None]
    series = np.concatenate([np.cos(orders * theta), np.sin(orders * theta)])
    return series / np.tile(orders - 1, (2, 1))


def outline_level(x: Tensor, y: Tensor, outline: Outline) -> Tensor:
    """The level of an outline around the origin, at coordinates x and y (M, H, W)."""
    c, s, stretch = cos(outline.angle), sin(outline.angle), outline.aspect**0.5
    across = plus(x * (c * stretch), y, s * stretch)
    along = plus(y * (c / stretch), x, -s / stretch)
    at = torch.atan2(along, across).add_(pi).mul_(ANGLES / (2 * pi)).long().clamp_(max=ANGLES - 1)
    radii = outline.radii.gather(1, at.flatten(1)).view_as(across)
    return torch.hypot(across, along).div_(radii).sub_(1)


def below(across: Tensor, along: Tensor, half_width: Number) -> Tensor:
    """The strip (M, H, W) of 0 and 1 below the origin, where ultrasound shows a shadow, or echoes that are stronger."""
    return ((along > 0) & (across.abs() < half_width)).float()


def background(draws: Draws, max_kinds: int = 5) -> tuple[Tensor, int]:
    """A background: a map of kinds (M, H, W), and their number. In half of the tasks subjects do not share it."""
    count = draws.integer(1, max_kinds)
    own = 1.0 if draws.chance(0.5) else draws.log_uniform(0.03, 0.5)
    return index_of_largest(shared_noise(draws, draws.integer(2, 6), count, own)), count


def fill(kinds: Tensor, masks: Sequence[tuple[Tensor, int]]) -> None:
    """Set each kind where its mask is true, in this order; `kinds` is changed in place."""
    for mask, kind in masks:
        kinds.masked_fill_(mask, kind)

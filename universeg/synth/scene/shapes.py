"""Outlines: levels (M, H, W) that are negative inside, -1 at the middle and 0 at the edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
import torch
from torch import Tensor

from universeg.synth.scene.fields import largest, related
from universeg.synth.scene.random_draws import Draws

ANGLES = 512


@dataclass(frozen=True)
class Outline:
    """A star-convex shape: its radius by angle, for each subject."""

    radii: Tensor  # (M, ANGLES), from -pi to pi
    aspect: float
    angle: float


def draw_outline(
    draws: Draws, radius: float, waves: tuple[float, float] = (0.02, 0.25), aspect: float = 1.6
) -> Outline:
    """One outline for the task whose subjects differ a little; a few are jagged, most are round."""
    count = draws.count(3, 6)
    common = draws.numbers.standard_normal((1, 2 * count)) * draws.log(*waves)
    own = draws.own.standard_normal((draws.entries, 2 * count)) * draws.log(0.005, 0.06)
    theta = np.linspace(-pi, pi, ANGLES, endpoint=False)
    numbers = np.arange(2, count + 2)[:, None]
    around = np.concatenate([np.cos(numbers * theta), np.sin(numbers * theta)]) / np.tile(numbers - 1, (2, 1))
    radii = radius * np.maximum(1 + (common + own) @ around, 0.2)
    return Outline(draws.tensor(radii), draws.log(1 / aspect, aspect), draws.number(0, pi))


def star(x: Tensor, y: Tensor, outline: Outline) -> Tensor:
    """The level of an outline around the origin of x and y."""
    c, s, stretch = cos(outline.angle), sin(outline.angle), outline.aspect**0.5
    across = torch.add(x * (c * stretch), y, alpha=s * stretch)
    along = torch.sub(y * (c / stretch), x, alpha=s / stretch)
    at = torch.atan2(along, across).add_(pi).mul_(ANGLES / (2 * pi)).long().clamp_(max=ANGLES - 1)
    radii = outline.radii.gather(1, at.flatten(1)).view_as(across)
    return torch.hypot(across, along).div_(radii).sub_(1)


def backdrop(draws: Draws, most: int = 5) -> tuple[Tensor, int]:
    """What lies around: kinds (M, H, W) and how many of them. In half of the tasks each subject has its own."""
    count = draws.count(1, most)
    own = 1.0 if draws.chance(0.5) else draws.log(0.03, 0.5)
    return largest(related(draws, draws.count(2, 6), count, own)), count


def put(kinds: Tensor, masks: Sequence[tuple[Tensor, int]]) -> None:
    """Write each kind where its mask is, in order."""
    for mask, kind in masks:
        kinds.masked_fill_(mask, kind)

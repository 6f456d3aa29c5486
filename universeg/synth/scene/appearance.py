"""Appearance of the richer families: levels that kinds share, textures, soft borders."""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
import torch
from torch import Tensor

from universeg.synth.scene.fields import blurred, pieces, texture
from universeg.synth.scene.random_draws import Draws


@dataclass(frozen=True)
class Palette:
    """Look of each kind in each subject."""

    means: Tensor  # (M, kinds)
    amplitudes: Tensor  # (M, kinds) of its texture
    textures: Tensor  # (kinds,) which of two it has


def draw_palette(draws: Draws, kinds: int, calm: int) -> Palette:
    """The first `calm` kinds are the backdrop, in half of the tasks of nearly one intensity."""
    levels = draws.count(2, 8)
    spread = (draws.numbers.permutation(levels) + draws.numbers.uniform(0.15, 0.85, levels)) / levels
    means = spread[draws.numbers.integers(0, levels, kinds)] + draws.numbers.normal(0, draws.log(0.003, 0.06), kinds)
    if draws.chance(0.5):
        means[:calm] = means[0] + draws.log(0.05, 0.5) * (means[:calm] - means[0])
    amplitudes = np.exp(draws.numbers.uniform(np.log(0.004), np.log(0.12), kinds))
    if draws.chance(0.3):  # all is smooth
        amplitudes *= 0.2
    if draws.chance(0.1):  # only textures tell kinds apart
        means, amplitudes = 0.5 + 0.1 * (means - 0.5), 3 * amplitudes
    own = draws.own.normal(0, draws.log(0.005, 0.08), (draws.entries, kinds))
    own_amplitudes = amplitudes * np.exp(draws.own.normal(0, 0.2, (draws.entries, kinds)))
    which = torch.as_tensor(draws.numbers.integers(0, 2, kinds), device=draws.device)
    return Palette(draws.tensor(means + own), draws.tensor(own_amplitudes), which)


def painted(draws: Draws, kinds: Tensor, count: int, calm: int) -> Tensor:
    """Images (M, H, W) of kinds (M, H, W), numbered from 0 to count - 1."""
    palette = draw_palette(draws, count, calm)
    flat = kinds.flatten(1)
    means = blurred(palette.means.gather(1, flat).view_as(kinds), draws.log(0.3, 1.2) * draws.size / 128)
    if draws.chance(0.08):
        means = _relief(draws, means)
    amplitudes = palette.amplitudes.gather(1, flat).view_as(kinds)
    first, second = (pieces(draws, draws.once(texture)) for _ in range(2))
    grain = torch.where(palette.textures[kinds].bool(), first, second) * amplitudes
    return means * (1 + 2 * grain) if draws.chance(0.15) else means + grain


def _relief(draws: Draws, heights: Tensor) -> Tensor:
    """Lit from one side, as by differential interference contrast: edges are bright or dark, levels hardly show."""
    scale = draws.size / 128
    heights = blurred(heights, draws.log(0.7, 3) * scale)
    down, right = torch.gradient(heights, dim=(-2, -1))
    turn = draws.number(0, 2 * pi)
    slope = cos(turn) * right + sin(turn) * down
    return 0.5 + draws.number(1, 4) * scale * slope + draws.number(0, 0.3) * heights

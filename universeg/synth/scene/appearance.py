"""Appearance: intensities, textures and soft borders.

A map of kinds (M, H, W) holds at each pixel the number of a kind of structure. Kinds from 0 to `n_background` - 1 are
the background. Several kinds may have the same intensity.
"""

from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from torch import Tensor

from universeg.synth.scene.fields import blurred, draw_texture, texture_crops
from universeg.synth.scene.numbers import at, cos, exp, sin, with_dims
from universeg.synth.scene.random_draws import Draws

LOG_AMPLITUDES = float(np.log(0.004)), float(np.log(0.12))  # of textures: smallest and largest


@dataclass(frozen=True)
class Palette:
    """Intensity and texture of each kind."""

    means: Tensor  # (M, kinds)
    amplitudes: Tensor  # (M, kinds) of the texture
    textures: Tensor  # (M, kinds) 0 or 1: which of two textures


def draw_palette(draws: Draws, kinds: int, n_background: int, few_tissues: float) -> Palette:
    """A palette for `kinds` kinds. In half of the tasks the background kinds have similar intensities.

    With the probability `few_tissues` the kinds are made of two to four tissues. Kinds of one tissue look the same in
    every subject. So intensity and texture do not tell them apart, as in most organs.
    """
    levels = draws.integer(2, 8)
    spread = (draws.permutation_table(levels) + draws.uniform_table(0.15, 0.85, levels)) / levels
    chosen = draws.integer_table(0, levels, kinds)
    sd = with_dims(draws.log_uniform(0.003, 0.06), 2)
    means = at(spread, chosen) + sd * draws.normal_table(kinds)
    if draws.chance(0.5):
        share = with_dims(draws.log_uniform(0.05, 0.5), 2)
        means[..., :n_background] = means[..., :1] + share * (means[..., :n_background] - means[..., :1])
    amplitudes = exp(draws.uniform_table(LOG_AMPLITUDES[0], LOG_AMPLITUDES[1], kinds))
    if draws.chance(0.3):  # hardly any texture
        amplitudes *= 0.2
    if draws.chance(0.1):  # kinds differ in texture only
        means, amplitudes = 0.5 + 0.1 * (means - 0.5), 3 * amplitudes
    sd = with_dims(draws.log_uniform(0.005, 0.08), 2)
    means = means + sd * draws.normal_table_each(kinds)
    amplitudes = amplitudes * exp(0.2 * draws.normal_table_each(kinds))
    textures = draws.integer_table(0, 2, kinds)
    if few_tissues and draws.chance(few_tissues):
        count = draws.integer(2, 4)
        tissues = draws.integer_table(0, kinds, count)
        of = at(tissues, draws.integer_table(0, count, kinds))
        means, amplitudes, textures = (at(table, of) for table in (means, amplitudes, textures))
    textures = torch.as_tensor(textures, device=draws.device).expand(draws.subjects, kinds)
    return Palette(draws.tensor(means), draws.tensor(amplitudes), textures)


def rendered(draws: Draws, kinds: Tensor, count: int, n_background: int, few_tissues: float = 0.0) -> Tensor:
    """Images (M, H, W) of a map of `count` kinds (M, H, W). `few_tissues` is as for `draw_palette`."""
    palette = draw_palette(draws, count, n_background, few_tissues)
    flat = kinds.flatten(1)
    means = palette.means.gather(1, flat).view_as(kinds)
    means = blurred(draws, means, draws.log_uniform(0.3, 1.2) * draws.size / 128)
    if draws.chance(0.08):
        means = _relief(draws, means)
    amplitudes = palette.amplitudes.gather(1, flat).view_as(kinds)
    first, second = (texture_crops(draws, draws.once(draw_texture)) for _ in range(2))
    grain = torch.where(palette.textures.gather(1, flat).view_as(kinds).bool(), first, second) * amplitudes
    return means * (1 + 2 * grain) if draws.chance(0.15) else means + grain


def _relief(draws: Draws, heights: Tensor) -> Tensor:
    """Light from one side, as in differential interference contrast: mainly edges are visible, bright or dark."""
    scale = draws.size / 128
    heights = blurred(draws, heights, draws.log_uniform(0.7, 3) * scale)
    down, right = torch.gradient(heights, dim=(-2, -1))
    angle = draws.uniform(0, 2 * pi)
    slope = cos(angle) * right + sin(angle) * down
    return 0.5 + draws.uniform(1, 4) * scale * slope + draws.uniform(0, 0.3) * heights

"""Appearance: intensities, textures and soft borders.

A map of kinds (M, H, W) holds at each pixel the number of a kind of structure. Kinds from 0 to `n_background` - 1 are
the background. Several kinds may have the same intensity.
"""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
import torch
from torch import Tensor

from universeg.synth.scene.fields import blurred, draw_texture, texture_crops
from universeg.synth.scene.random_draws import Draws


@dataclass(frozen=True)
class Palette:
    """Intensity and texture of each kind."""

    means: Tensor  # (M, kinds)
    amplitudes: Tensor  # (M, kinds) of the texture
    textures: Tensor  # (kinds,) 0 or 1: which of two textures


def draw_palette(draws: Draws, kinds: int, n_background: int, few_tissues: float) -> Palette:
    """A palette for `kinds` kinds. In half of the tasks the background kinds have similar intensities.

    With the probability `few_tissues` the kinds are made of two to four tissues. Kinds of one tissue look the same in
    every subject. So intensity and texture do not tell them apart, as in most organs.
    """
    levels = draws.integer(2, 8)
    spread = (draws.task_rng.permutation(levels) + draws.task_rng.uniform(0.15, 0.85, levels)) / levels
    means = spread[draws.task_rng.integers(0, levels, kinds)] + draws.task_rng.normal(
        0, draws.log_uniform(0.003, 0.06), kinds
    )
    if draws.chance(0.5):
        means[:n_background] = means[0] + draws.log_uniform(0.05, 0.5) * (means[:n_background] - means[0])
    amplitudes = np.exp(draws.task_rng.uniform(np.log(0.004), np.log(0.12), kinds))
    if draws.chance(0.3):  # hardly any texture
        amplitudes *= 0.2
    if draws.chance(0.1):  # kinds differ in texture only
        means, amplitudes = 0.5 + 0.1 * (means - 0.5), 3 * amplitudes
    differences = draws.subject_rng.normal(0, draws.log_uniform(0.005, 0.08), (draws.subjects, kinds))
    subject_amplitudes = amplitudes * np.exp(draws.subject_rng.normal(0, 0.2, (draws.subjects, kinds)))
    textures = draws.task_rng.integers(0, 2, kinds)
    of = np.arange(kinds)
    if few_tissues and draws.chance(few_tissues):
        tissues = draws.task_rng.integers(0, kinds, draws.integer(2, 4))
        of = tissues[draws.task_rng.integers(0, len(tissues), kinds)]
    return Palette(
        draws.tensor((means + differences)[:, of]),
        draws.tensor(subject_amplitudes[:, of]),
        torch.as_tensor(textures[of], device=draws.device),
    )


def rendered(draws: Draws, kinds: Tensor, count: int, n_background: int, few_tissues: float = 0.0) -> Tensor:
    """Images (M, H, W) of a map of `count` kinds (M, H, W). `few_tissues` is as for `draw_palette`."""
    palette = draw_palette(draws, count, n_background, few_tissues)
    flat = kinds.flatten(1)
    means = blurred(palette.means.gather(1, flat).view_as(kinds), draws.log_uniform(0.3, 1.2) * draws.size / 128)
    if draws.chance(0.08):
        means = _relief(draws, means)
    amplitudes = palette.amplitudes.gather(1, flat).view_as(kinds)
    first, second = (texture_crops(draws, draws.once(draw_texture)) for _ in range(2))
    grain = torch.where(palette.textures[kinds].bool(), first, second) * amplitudes
    return means * (1 + 2 * grain) if draws.chance(0.15) else means + grain


def _relief(draws: Draws, heights: Tensor) -> Tensor:
    """Light from one side, as in differential interference contrast: mainly edges are visible, bright or dark."""
    scale = draws.size / 128
    heights = blurred(heights, draws.log_uniform(0.7, 3) * scale)
    down, right = torch.gradient(heights, dim=(-2, -1))
    angle = draws.uniform(0, 2 * pi)
    slope = cos(angle) * right + sin(angle) * down
    return 0.5 + draws.uniform(1, 4) * scale * slope + draws.uniform(0, 0.3) * heights

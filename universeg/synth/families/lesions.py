"""Blobs that may be anywhere: brighter or darker than what is around them, or only of another texture."""

import torch
from torch import Tensor

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.fields import blurred, pieces, smooth, texture
from universeg.synth.scene.pose import Pose, posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import backdrop, draw_outline, star

POSE = Pose(turns=0.3, shifts=0.3)


def lesions(draws: Draws) -> Scene:
    """One to three of them, with ragged or soft edges; among others that look different."""
    x, y = posed(draws, POSE)
    kinds, calm = backdrop(draws, 6)
    images = painted(draws, kinds, calm, calm)
    images = 0.5 + draws.log(0.2, 1) * (images - 0.5)
    radius, edge = draws.log(0.08, 0.4), draws.log(0.4, 3) * draws.size / 128
    delta = draws.log(0.05, 0.5) * draws.one_of([-1, 1])
    ragged = draws.log(0.01, 0.25)
    if draws.chance(0.5):
        others, shift = _blobs(draws, x, y, 2, draws.log(0.05, 0.3), ragged)[0], draws.number(-1, 0.3)
        images = images + delta * shift * blurred((others < 0).float(), edge)
    level, shadow = _blobs(draws, x, y, draws.count(1, 3), radius, ragged)
    inside = blurred((level < 0).float(), edge)
    if draws.chance(0.3):  # what lies behind is darker, or brighter
        images = images * (1 + draws.number(-0.6, 0.4) * blurred(shadow, 2 * edge))
    images = images + delta * draws.jitter(0.2).exp() * inside
    grain = draws.log(0.005, 0.15) * pieces(draws, draws.once(texture))
    images = images * (1 - draws.number(0, 0.8) * inside) + inside * (grain + 0.5 * draws.number(0, 0.8))
    parts = {"lesion": level < 0}
    core = level < -draws.number(0.4, 0.7)
    if draws.chance(0.3):
        images = images + draws.number(-0.4, 0.4) * blurred(core.float(), edge)
        parts |= {"core": core, "margin": (level < 0) & ~core}
    return Scene(images, parts)


def _blobs(draws: Draws, x: Tensor, y: Tensor, most: int, radius: float, ragged: float) -> tuple[Tensor, Tensor]:
    """The lowest level of up to `most` blobs, and what lies below the first in the picture."""
    rough = ragged * smooth(draws, draws.count(8, 24), draws.entries)
    lowest = torch.full_like(x, 9.0)
    shadow = torch.zeros_like(x)
    for n in range(most):
        across, along = (place - draws.each(-0.6, 0.6) for place in (x, y))
        size = draws.jitter(0.3).exp()
        level = star(across * size, along * size, draw_outline(draws, radius, (0.03, 0.35), 2)) + rough
        there = draws.happens(0.6) if n else torch.ones_like(size, dtype=torch.bool)
        lowest = torch.where(there, torch.minimum(lowest, level), lowest)
        if n == 0:
            shadow = ((along > 0) & ((across * size).abs() < 0.8 * radius)).float()
    return lowest, shadow

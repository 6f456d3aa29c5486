"""Straight edges: polygons, frames and wedges on a plane that straight lines cut up."""

from math import cos, pi, sin

import torch
from torch import Tensor

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.pose import posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import put


def mosaic(draws: Draws) -> Scene:
    x, y = posed(draws)
    cuts = draws.count(0, 3)
    kinds = torch.zeros_like(x, dtype=torch.long)
    for _ in range(cuts):
        angle = draws.number(0, pi)
        kinds += (cos(angle) * x + sin(angle) * y > draws.number(-0.7, 0.7) + draws.jitter(0.1)).long()
    parts = dict[str, Tensor]()
    for n in range(draws.count(2, 5)):
        level = _polygon(draws, x, y, draws.log(0.12, 0.6))
        shape = (level < 0) & draws.happens(draws.one_of([1, 1, 0.9]))
        parts = {name: mask & ~shape for name, mask in parts.items()}
        put(kinds, [(shape, cuts + 1 + 2 * n)])
        if draws.chance(0.4):
            frame = shape & (level > -draws.number(0.15, 0.5))
            put(kinds, [(frame, cuts + 2 + 2 * n)])
            parts[f"frame {n + 1}"] = frame
        parts[f"polygon {n + 1}"] = shape
    return Scene(painted(draws, kinds, cuts + 11, cuts + 1), parts)


def _polygon(draws: Draws, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """The level of a convex polygon of three to seven sides, somewhere."""
    move = draws.log(0.02, 0.3)
    x, y = (place - draws.number(-0.7, 0.7) - draws.jitter(move) for place in (x, y))
    grow, turn = draws.jitter(0.15).exp() / radius, draws.number(0, 2 * pi)
    sides = draws.count(3, 7)
    level = torch.full_like(x, -1.0)
    for n in range(sides):
        angle = turn + 2 * pi * (n + draws.number(-0.25, 0.25)) / sides
        level = torch.maximum(level, (cos(angle) * x + sin(angle) * y) * (grow * draws.number(0.8, 1.25)) - 1)
    return level

"""Family `mosaic`: polygons and frames with straight edges, on a background that straight lines divide."""

from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.numbers import Number, cos, sin
from universeg.synth.scene.pose import anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import fill


def mosaic(draws: Draws) -> Scene:
    """Labels are polygons and their frames; later polygons cover earlier ones."""
    x, y = anatomy_coordinates(draws)
    cuts = draws.integer(0, 3)
    kinds = torch.zeros_like(x, dtype=torch.long)
    for _ in range(cuts):
        angle = draws.uniform(0, pi)
        kinds += (cos(angle) * x + sin(angle) * y > draws.uniform(-0.7, 0.7) + draws.normal_each(0.1)).long()
    parts = dict[str, Tensor]()
    for n in range(draws.integer(2, 5)):
        level = _polygon(draws, x, y, draws.log_uniform(0.12, 0.6))
        shape = (level < 0) & draws.chance_each(draws.choice([1, 1, 0.9]))
        parts = {name: mask & ~shape for name, mask in parts.items()}
        fill(kinds, [(shape, cuts + 1 + 2 * n)])
        if draws.chance(0.4):
            frame = shape & (level > -draws.uniform(0.15, 0.5))
            fill(kinds, [(frame, cuts + 2 + 2 * n)])
            parts[f"frame {n + 1}"] = frame
        parts[f"polygon {n + 1}"] = shape
    return Scene(rendered(draws, kinds, cuts + 11, cuts + 1), parts)


def _polygon(draws: Draws, x: Tensor, y: Tensor, radius: Number) -> Tensor:
    """The level (M, H, W) of a convex polygon with three to seven sides, negative inside."""
    shift_sd = draws.log_uniform(0.02, 0.3)
    x, y = (place - draws.uniform(-0.7, 0.7) - draws.normal_each(shift_sd) for place in (x, y))
    scale, first = draws.normal_each(0.15).exp() / radius, draws.uniform(0, 2 * pi)
    sides = draws.integer(3, 7)
    level = torch.full_like(x, -1.0)
    for n in range(sides):
        angle = first + 2 * pi * (n + draws.uniform(-0.25, 0.25)) / sides
        level = torch.maximum(level, (cos(angle) * x + sin(angle) * y) * (scale * draws.uniform(0.8, 1.25)) - 1)
    return level

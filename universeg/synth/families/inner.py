"""Family `inner`: a small organ of nested parts among other organs, like the heart in the chest.

Its parts share their intensities with other organs more often than in other families. So a network must find them by
their place, their shape and what lies around them.
"""

from math import pi

from torch import Tensor

from universeg.synth.families.organs import POSE, organ
from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.numbers import Number, cos, sin
from universeg.synth.scene.pose import anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import background, draw_outline, fill, outline_level


def inner(draws: Draws) -> Scene:
    """Labels are the core, the shell around it, both together, and a neighbour that touches them."""
    x, y = anatomy_coordinates(draws, POSE)
    kinds, first = background(draws, 3)
    size = draws.uniform(0.7, 1.3)
    body = outline_level(x, y, draw_outline(draws, size, (0.005, 0.08))) < 0
    fill(kinds, [(~body, first)])
    others = draws.integer(2, 7)
    for n in range(others):
        radius = draws.log_uniform(0.07, 0.2) + 0.2 * (1 - n / others) ** 2
        fill(kinds, [(organ(draws, x, y, size, radius) & body, first + 2 + n)])
    core_kind, shell_kind, neighbour_kind, sac_kind = (first + 2 + others + n for n in range(4))
    whole, core, neighbour, sac = (mask & body for mask in _nested_parts(draws, x, y, size))
    if draws.chance(0.5):
        fill(kinds, [(sac, sac_kind)])
    if draws.chance(0.7):  # the same liquid or tissue on both sides of the shell
        neighbour_kind = core_kind
    fill(kinds, [(neighbour, neighbour_kind), (whole, shell_kind), (core, core_kind)])
    parts = {"core": core, "shell": whole & ~core, "whole": whole, "neighbour": neighbour}
    images = rendered(draws, kinds, first + 6 + others, first, few_tissues=0.7)
    return Scene(images, parts, body if draws.chance(0.4) else None)


def _nested_parts(draws: Draws, x: Tensor, y: Tensor, size: Number) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Masks (M, H, W) of the whole, of its core, of the neighbour outside it, and of a sac that holds all of them."""
    angle, distance = draws.uniform(0, 2 * pi), draws.uniform(0, 0.5) * size
    shift_sd = draws.log_uniform(0.02, 0.15)
    scale = draws.normal_each(draws.log_uniform(0.05, 0.25)).exp()
    across = (x - distance * cos(angle) - draws.normal_each(shift_sd)) * scale
    along = (y - distance * sin(angle) - draws.normal_each(shift_sd)) * scale
    radius = draws.log_uniform(0.08, 0.3)
    level = outline_level(across, along, draw_outline(draws, radius, (0.01, 0.15), 1.5))
    whole = level < 0
    core = level < -draws.log_uniform(0.15, 0.5) * draws.normal_each(0.15).exp()
    side, gap = draws.uniform(0, 2 * pi) + draws.normal_each(0.2), draws.uniform(0.6, 1.2) * radius
    beside = across - gap * cos(side), along - gap * sin(side)
    other = outline_level(*beside, draw_outline(draws, radius * draws.uniform(0.6, 1.1), (0.02, 0.2), 2))
    wall = draws.uniform(0.1, 0.4)
    sac = (level < wall) | (other < wall)
    return whole, core, (other < 0) & ~whole, sac & ~whole

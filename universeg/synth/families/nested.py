"""Family `nested`: a shape inside another, like cells with nuclei or ventricles with walls, among similar shapes."""

from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.numbers import Number, at_most, cos, sin
from universeg.synth.scene.pose import anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import Outline, background, draw_outline, fill, outline_level


def nested(draws: Draws) -> Scene:
    """Labels are the body, its core, its shell, and in some tasks a crescent beside it or a clump of cells in it."""
    x, y = anatomy_coordinates(draws)
    kinds, n_background = background(draws)
    radius = draws.log_uniform(0.1, 0.7)
    outline = draw_outline(draws, radius, (0.01, 0.18))
    if draws.chance(0.35):
        _crowd(draws, kinds, n_background, x, y, radius)
    else:
        _distractors(draws, kinds, n_background, x, y, outline)
    body = outline_level(x, y, outline)
    inside = body < 0
    core = (_ring(draws, body) if draws.chance(0.45) else _lobes(draws, x, y, radius)) & inside
    parts = {"core": core, "shell": inside & ~core, "body": inside}
    if draws.chance(0.5):
        parts["crescent"] = crescent = _crescent(draws, x, y, radius) & ~inside
        kinds.masked_fill_(crescent, n_background + 2)
    fill(kinds, [(inside, n_background + 3), (core, n_background + 4)])
    if draws.chance(0.15):
        parts["clump"] = _clump(draws, kinds, n_background + 4, x, y, radius) & inside
    if draws.chance(0.3):  # a wall of another intensity
        fill(kinds, [((body < 0) & (body > -draws.uniform(0.05, 0.15)), n_background + 5)])
    return Scene(rendered(draws, kinds, n_background + 6, n_background, few_tissues=0.5), parts)


def _crowd(draws: Draws, kinds: Tensor, n_background: int, x: Tensor, y: Tensor, radius: Number) -> None:
    """Add many round cells that may touch the body, like red blood cells around a white one."""
    size, pale_centres = at_most(radius * draws.log_uniform(0.4, 1.1), 0.4), draws.chance(0.4)
    kind = draws.choice((n_background, n_background, n_background + 3))
    for _ in range(draws.integer(6, 20)):
        across, along = (place - draws.uniform_each(-1.6, 1.6) for place in (x, y))
        distance = torch.hypot(across, along) / (size * draws.normal_each(0.15).exp())
        fill(kinds, [(distance < 1, kind)])
        if pale_centres:
            fill(kinds, [(distance < 0.4, n_background + 1)])


def _distractors(draws: Draws, kinds: Tensor, n_background: int, x: Tensor, y: Tensor, body: Outline) -> None:
    """Add up to six other shapes. In some tasks they have the body's outline without its core, or only a rim."""
    same_outline, rims, reach = draws.chance(0.4), draws.chance(0.3), draws.uniform(1, 1.6)
    for number in range(draws.integer(0, 6)):
        at = [draws.uniform(-reach, reach) + draws.normal_each(draws.log_uniform(0.02, 0.5)) for _ in range(2)]
        outline = body if same_outline else draw_outline(draws, draws.log_uniform(0.06, 0.45))
        level = outline_level(x - at[0], y - at[1], outline)
        shape = (level < 0) & draws.chance_each(draws.uniform(0.4, 1))
        kind = n_background + 3 if same_outline and draws.chance(0.5) else n_background + number % 2
        fill(kinds, [(shape & (level > -0.2) if rims else shape, kind)])


def _ring(draws: Draws, body: Tensor) -> Tensor:
    """A core with the shape of the body: the inside of a wall."""
    return body < -draws.log_uniform(0.12, 0.6) * draws.normal_each(0.15).exp()


def _lobes(draws: Draws, x: Tensor, y: Tensor, radius: Number) -> Tensor:
    """A core of one to four lobes around a point near the centre. Subjects differ in position, angle and number."""
    count = draws.integer(1, 4)
    centre = [draws.uniform(-0.3, 0.3) * radius + draws.normal_each(0.1 * radius) for _ in range(2)]
    rotation = draws.uniform_each(-pi, pi) if draws.chance(0.6) else draws.uniform(-pi, pi) + draws.normal_each(0.2)
    lobes = torch.zeros_like(x, dtype=torch.bool)
    distance: Number = 0.0 if count == 1 else draws.uniform(0.25, 0.5) * radius
    size = draws.uniform(0.35, 0.8) if count == 1 else draws.uniform(0.25, 0.45)
    arc = draws.uniform(pi, 2 * pi)
    for n in range(count):
        angle = rotation + arc * n / count + draws.normal_each(0.15)
        outline = draw_outline(draws, size * draws.uniform(0.8, 1.2) * radius, (0.02, 0.15))
        lobe = outline_level(x - centre[0] - distance * cos(angle), y - centre[1] - distance * sin(angle), outline) < 0
        lobes |= lobe & (draws.chance_each(0.8) if n else True)
    return lobes


def _clump(draws: Draws, kinds: Tensor, kind: int, x: Tensor, y: Tensor, radius: Number) -> Tensor:
    """A clump of cells, as in an embryo."""
    clump = torch.zeros_like(x, dtype=torch.bool)
    reach, size = draws.uniform(0.3, 0.6) * radius, draws.uniform(0.2, 0.4) * radius
    for n in range(draws.integer(5, 10)):
        across, along = (place - draws.normal_each(0.5).clamp(-1, 1) * reach for place in (x, y))
        distance = torch.hypot(across, along) / (size * draws.normal_each(0.15).exp())
        cell = distance < 1
        fill(kinds, [(cell, kind + n % 2), (cell & (distance > 0.85), kind - 1)])
        clump |= cell
    return clump


def _crescent(draws: Draws, x: Tensor, y: Tensor, radius: Number) -> Tensor:
    """A shape that the body covers in part."""
    angle = draws.uniform(0, 2 * pi) + draws.normal_each(0.15)
    distance = draws.uniform(0.5, 1.1) * radius
    outline = draw_outline(draws, radius * draws.uniform(0.7, 1.2), (0.02, 0.15))
    return outline_level(x - distance * cos(angle), y - distance * sin(angle), outline) < 0

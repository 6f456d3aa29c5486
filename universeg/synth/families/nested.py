"""Nested star-convex shapes: cells with nuclei, ventricles with walls, crescents, among look-alikes."""

from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.pose import posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import Outline, backdrop, draw_outline, put, star


def nested(draws: Draws) -> Scene:
    x, y = posed(draws)
    kinds, calm = backdrop(draws)
    radius = draws.log(0.1, 0.7)
    outline = draw_outline(draws, radius, (0.01, 0.18))
    if draws.chance(0.35):
        _crowd(draws, kinds, calm, x, y, radius)
    else:
        _distractors(draws, kinds, calm, x, y, outline)
    body = star(x, y, outline)
    inside = body < 0
    core = (_ring(draws, body) if draws.chance(0.45) else _lobes(draws, x, y, radius)) & inside
    parts = {"core": core, "shell": inside & ~core, "body": inside}
    if draws.chance(0.5):
        parts["crescent"] = crescent = _crescent(draws, x, y, radius) & ~inside
        kinds.masked_fill_(crescent, calm + 2)
    put(kinds, [(inside, calm + 3), (core, calm + 4)])
    if draws.chance(0.15):
        parts["clump"] = _clump(draws, kinds, calm + 4, x, y, radius) & inside
    if draws.chance(0.3):  # a wall of its own
        put(kinds, [((body < 0) & (body > -draws.number(0.05, 0.15)), calm + 5)])
    return Scene(painted(draws, kinds, calm + 6, calm), parts)


def _crowd(draws: Draws, kinds: Tensor, calm: int, x: Tensor, y: Tensor, radius: float) -> None:
    """Cells all around that may touch the body, as red blood cells do a white one; often as bright as its shell."""
    size, pale = min(0.4, radius * draws.log(0.4, 1.1)), draws.chance(0.4)
    kind = draws.one_of((calm, calm, calm + 3))
    for _ in range(draws.count(6, 20)):
        across, along = (place - draws.each(-1.6, 1.6) for place in (x, y))
        distance = torch.hypot(across, along) / (size * draws.jitter(0.15).exp())
        put(kinds, [(distance < 1, kind)])
        if pale:
            put(kinds, [(distance < 0.4, calm + 1)])


def _distractors(draws: Draws, kinds: Tensor, calm: int, x: Tensor, y: Tensor, body: Outline) -> None:
    """Others, in places of their own; some look like the body and lack its core, some are rims only."""
    twins, rims, reach = draws.chance(0.4), draws.chance(0.3), draws.number(1, 1.6)
    for number in range(draws.count(0, 6)):
        at = [draws.number(-reach, reach) + draws.jitter(draws.log(0.02, 0.5)) for _ in range(2)]
        outline = body if twins else draw_outline(draws, draws.log(0.06, 0.45))
        level = star(x - at[0], y - at[1], outline)
        there = (level < 0) & draws.happens(draws.number(0.4, 1))
        kind = calm + 3 if twins and draws.chance(0.5) else calm + number % 2
        put(kinds, [(there & (level > -0.2) if rims else there, kind)])


def _ring(draws: Draws, body: Tensor) -> Tensor:
    """What a wall of some thickness encloses."""
    return body < -draws.log(0.12, 0.6) * draws.jitter(0.15).exp()


def _lobes(draws: Draws, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """One to four lobes about a point off the middle, which move, turn and come and go."""
    count = draws.count(1, 4)
    off = [draws.number(-0.3, 0.3) * radius + draws.jitter(0.1 * radius) for _ in range(2)]
    turn = draws.each(-pi, pi) if draws.chance(0.6) else draws.number(-pi, pi) + draws.jitter(0.2)
    found = torch.zeros_like(x, dtype=torch.bool)
    away = 0.0 if count == 1 else draws.number(0.25, 0.5) * radius
    size = draws.number(0.35, 0.8) if count == 1 else draws.number(0.25, 0.45)
    arc = draws.number(pi, 2 * pi)
    for n in range(count):
        at = turn + arc * n / count + draws.jitter(0.15)
        outline = draw_outline(draws, size * draws.number(0.8, 1.2) * radius, (0.02, 0.15))
        lobe = star(x - off[0] - away * at.cos(), y - off[1] - away * at.sin(), outline) < 0
        found |= lobe & (draws.happens(0.8) if n else True)
    return found


def _clump(draws: Draws, kinds: Tensor, kind: int, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Many cells on a heap, as in an embryo."""
    heap = torch.zeros_like(x, dtype=torch.bool)
    reach, size = draws.number(0.3, 0.6) * radius, draws.number(0.2, 0.4) * radius
    for n in range(draws.count(5, 10)):
        across, along = (place - draws.jitter(0.5).clamp(-1, 1) * reach for place in (x, y))
        distance = torch.hypot(across, along) / (size * draws.jitter(0.15).exp())
        cell = distance < 1
        put(kinds, [(cell, kind + n % 2), (cell & (distance > 0.85), kind - 1)])
        heap |= cell
    return heap


def _crescent(draws: Draws, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """A neighbour behind the body."""
    angle = draws.number(0, 2 * pi) + draws.jitter(0.15)
    away = draws.number(0.5, 1.1) * radius
    outline = draw_outline(draws, radius * draws.number(0.7, 1.2), (0.02, 0.15))
    return star(x - away * angle.cos(), y - away * angle.sin(), outline) < 0

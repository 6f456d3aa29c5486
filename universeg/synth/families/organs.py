"""A slice through a body: outline, rim, and organs that keep their places; some come in pairs, one may be hollow."""

from math import cos, pi, sin

from torch import Tensor

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.fields import blurred
from universeg.synth.scene.pose import Pose, posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import backdrop, draw_outline, put, star

POSE = Pose(turn=0.5, turns=0.12, zoom=(0.85, 1.5), zooms=0.1, shift=0.1, shifts=0.1, bend=(0.01, 0.05))


def organs(draws: Draws) -> Scene:
    x, y = posed(draws, POSE)
    kinds, calm = backdrop(draws, 3)
    size = draws.number(0.65, 1)
    level = star(x, y, draw_outline(draws, size, (0.005, 0.08)))
    body = level < 0
    put(kinds, [(~body, calm)])
    count = draws.count(3, 8)
    found = dict[str, Tensor]()
    for n in range(count):
        # large ones first, so that small ones stay whole
        mask = _organ(draws, x, y, size, draws.log(0.07, 0.2) + 0.25 * (1 - n / count) ** 2) & body
        found = {name: other & ~mask for name, other in found.items()}
        kind = calm + 2 + n
        put(kinds, [(mask, kind)])
        if n == count - 1 and draws.chance(0.5):
            found["cavity"] = cavity = mask & _organ_core(draws, kinds == kind)
            put(kinds, [(cavity, kind + 1)])
            mask = mask & ~cavity
        found[f"organ {n + 1}"] = mask
    if draws.chance(0.5):
        found["rim"] = rim = body & (level > -draws.number(0.03, 0.12))
        put(kinds, [(rim, calm + 1)])
    alone = draws.chance(0.6)  # nothing outside
    return Scene(painted(draws, kinds, calm + count + 3, calm), found | {"body": body}, body if alone else None)


def _organ(draws: Draws, x: Tensor, y: Tensor, size: float, radius: float) -> Tensor:
    angle, away = draws.number(0, 2 * pi), draws.number(0, 0.75) ** 0.7 * size
    move = draws.log(0.01, 0.08)
    at = away * cos(angle), away * sin(angle)
    if abs(at[0]) > radius and draws.chance(0.35):
        x = x.abs() * (1 if at[0] > 0 else -1)  # the same on the other side
    across, along = x - at[0] - draws.jitter(move), y - at[1] - draws.jitter(move)
    outline = draw_outline(draws, radius * size, (0.02, 0.3), 2.5)
    grow = draws.jitter(draws.log(0.03, 0.2)).exp()
    there = draws.happens(draws.one_of([1, 1, 1, 0.95]))
    return (star(across * grow, along * grow, outline) < 0) & there


def _organ_core(draws: Draws, mask: Tensor) -> Tensor:
    """What is more than a wall away from the outside."""
    wall = draws.log(1.5, 4) * draws.size / 128
    return blurred(mask.float(), wall) > 0.85

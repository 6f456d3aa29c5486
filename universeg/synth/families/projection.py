"""Shadows, as in X-ray pictures: what lies one behind the other adds up; parts overlap."""

import torch
from torch import Tensor

from universeg.synth.scene.fields import blurred, related, smooth
from universeg.synth.scene.pose import Pose, posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import draw_outline, star

POSE = Pose(turn=0.4, turns=0.08, zoom=(0.8, 1.2), zooms=0.08, shift=0.1, shifts=0.08, bend=(0.005, 0.04))


def projection(draws: Draws) -> Scene:
    x, y = posed(draws, POSE)
    depth, parts = draws.one_of([_bodies, _chest, _chest, _jaw])(draws, x, y)
    depth = depth + draws.log(0.02, 0.2) * related(draws, draws.count(2, 8), 1, draws.number(0.2, 1))[:, 0]
    images = 1 - (-depth.clamp(min=0)).exp()
    images = blurred(images, draws.log(0.3, 1.2) * draws.size / 128)
    return Scene(images + draws.log(0.003, 0.03) * smooth(draws, draws.count(20, 50), draws.entries), parts)


def _bodies(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Solid and hollow bodies anywhere."""
    depth, parts = draws.number(0.05, 0.4) + torch.zeros_like(x), dict[str, Tensor]()
    for n in range(draws.count(3, 6)):
        level = _star(draws, x, y, (-0.8, 0.8), (-0.8, 0.8), draws.log(0.12, 0.7))
        solid = _thickness(level)
        if draws.chance(0.4):  # hollow: its walls show where they are seen edge-on
            shell = draws.number(0.6, 0.95)
            solid = solid - shell * _thickness((1 + level) / shell - 1)
        depth = depth + draws.log(0.1, 1) * solid
        parts[f"body {n + 1}"] = level < 0
    return depth, parts


def _chest(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Two airy bodies beside a spine, a heart between them, ribs over all."""
    trunk = _thickness(_star(draws, x, y, (-0.05, 0.05), (-0.1, 0.1), draws.number(0.9, 1.3)))
    depth = draws.number(0.5, 1.2) * trunk
    away = draws.number(0.35, 0.5)
    lungs = _star(draws, x.abs(), y, (away, away), (-0.2, 0.05), draws.number(0.28, 0.42), 2.2)
    heart = _star(draws, x, y, (-0.2, 0.2), (0.1, 0.35), draws.number(0.2, 0.35))
    depth = depth - draws.number(0.3, 0.8) * _thickness(lungs).sqrt()
    depth = depth + draws.number(0.15, 0.6) * _thickness(heart)
    spine = x.abs() < draws.number(0.05, 0.12)
    depth = depth + draws.number(0.05, 0.3) * spine
    arcs = (y + draws.number(-0.6, 0.6) * (x.abs() - 0.4).square()) * draws.number(5, 9) + draws.jitter(0.2)
    ribs = (arcs - arcs.floor() < draws.number(0.15, 0.4)) & (trunk > 0)
    depth = depth + draws.log(0.02, 0.2) * ribs
    air, shade = lungs < 0, heart < 0
    parts = {"lungs": air & ~shade, "left": air & (x < 0), "right": air & (x > 0), "heart": shade}
    if draws.chance(0.3):
        parts |= {"airways": air, "spine": spine}
    return depth, parts


def _jaw(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """A bony arch with a row of teeth on it, and one above; some teeth are missing."""
    depth = draws.number(0.2, 0.5) + 0.2 * _thickness(_star(draws, x, y, (-0.1, 0.1), (-0.2, 0.2), 0.9))
    bow, width = draws.number(0.5, 1.5) + draws.jitter(0.06), draws.number(0.1, 0.25)
    away = (y - 0.45 + bow * x.square()) / (1 + (2 * bow * x).square()).sqrt()
    within = x.abs() < draws.number(0.6, 0.95)
    arch = ((away / width).abs() < 1) & within
    place = torch.asinh(2 * bow * x) / (2 * bow) * draws.number(6, 14) + draws.jitter(0.1) + 20
    number = place.floor()
    there = draws.happens(draws.number(0.7, 1), 41).flatten(1)
    there = there.gather(1, number.long().clamp(0, 40).flatten(1)).view_as(x)
    across = ((place - number) * 2 - 1) / 0.85
    lower = (across**4 + ((away + width) / (0.9 * width)) ** 4 < 1) & within & there
    upper = (across**4 + ((away + draws.number(2.9, 3.3) * width) / (0.9 * width)) ** 4 < 1) & within & there
    teeth = lower | upper
    depth = depth + draws.number(0.2, 0.8) * arch * (1 - (away / width).square()).clamp(min=0).sqrt()
    depth = depth + draws.number(0.2, 0.9) * teeth
    return depth, {"arch": arch, "arch with teeth": arch | lower, "teeth": teeth, "lower teeth": lower}


def _star(
    draws: Draws,
    x: Tensor,
    y: Tensor,
    across: tuple[float, float],
    along: tuple[float, float],
    radius: float,
    aspect: float = 1.6,
) -> Tensor:
    move = draws.log(0.01, 0.06)
    x, y = x - draws.number(*across) - draws.jitter(move), y - draws.number(*along) - draws.jitter(move)
    grow = draws.jitter(draws.log(0.02, 0.12)).exp()
    return star(x * grow, y * grow, draw_outline(draws, radius, (0.02, 0.2), aspect))


def _thickness(level: Tensor) -> Tensor:
    """How much of a round body lies behind each pixel, 1 in its middle."""
    return (1 - (1 + level).square()).clamp(min=0).sqrt()

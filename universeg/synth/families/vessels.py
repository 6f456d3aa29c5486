"""Thin bright or dark lines: vessels with a disc, nerves, cracks, capillary meshes; faint, on uneven ground."""

from math import pi

import numpy as np
import torch
from torch import Tensor

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.fields import blurred, related, smooth
from universeg.synth.scene.pose import Pose, mirrored, posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import backdrop, draw_outline, star
from universeg.synth.scene.trees import TREES, draw_habit, grown, looked_up

POSE = Pose(turns=0.3, zoom=(0.8, 1.1), zooms=0.1, shift=0.1, shifts=0.12, bend=(0.01, 0.05))


def vessels(draws: Draws) -> Scene:
    """Trees; each subject shows another piece, so that only the look gives them away."""
    habit = draw_habit(draws)
    forest = draws.once(lambda own: grown(own, habit))
    x, y = posed(draws, POSE)
    x = mirrored(draws, x)
    which = draws.own.integers(0, TREES, draws.entries)
    lines, thickness = looked_up(forest, which, x, y)
    images = _ground(draws)
    parts = dict[str, Tensor]()
    if habit.origin == "disc":
        images, disc = _disc(draws, images, x, y, forest.discs[which])
        parts |= {"disc": disc} if draws.chance(0.3) else {}
    strength = draws.log(0.03, 0.3) * draws.one_of([-1, 1])
    images = images + _contrast(draws, strength, lines, thickness)
    images = images + _spots(draws)
    if draws.chance(0.35):  # a second system: deeper, or of the other kind
        others, thick = looked_up(forest, (which + 1) % TREES, -y, x)
        blur = draws.number(0, 2) * draws.size / 128
        other = blurred(others, blur) if draws.chance(0.5) else others
        images = images - _contrast(draws, strength * draws.number(0.3, 1), other, thick)
    parts["tree"] = lines > draws.number(0.3, 0.55)
    if habit.radius > 1 and draws.chance(0.4):
        parts["stems"] = (lines > 0.5) & (thickness > 0.45)
    images, seen = _pupil(draws, images)
    return Scene(images, parts, seen)


def mesh(draws: Draws) -> Scene:
    """Lines of constant width where smooth noise changes its sign: membranes, capillaries, cracks."""
    fields = smooth(draws, draws.count(5, 22), draws.entries, draws.count(1, 2))
    steep = torch.stack(torch.gradient(fields, dim=(-2, -1))).square().sum(0).sqrt().clamp(min=1e-3)
    half = draws.log(0.4, 2) * (draws.size / 128) ** 0.6 * draws.jitter(0.1, 1).exp()
    lines = (half + 0.5 - fields.abs() / steep).clamp(0, 1).amax(1)
    if draws.chance(0.5):  # not everywhere
        lines = lines * (draws.number(-0.5, 1) + smooth(draws, 4, draws.entries) > 0)
    strength = draws.log(0.05, 0.5) * draws.one_of([-1, 1])
    images, seen = _pupil(draws, _ground(draws) + _contrast(draws, strength, lines, lines))
    return Scene(images + _spots(draws), {"mesh": lines > 0.5}, seen)


def _ground(draws: Draws) -> Tensor:
    """A backdrop of little contrast, uneven over the picture."""
    kinds, count = backdrop(draws, 4)
    images = painted(draws, kinds, count, count)
    if draws.chance(0.7):
        images = blurred(images, draws.log(0.5, 8) * draws.size / 128)
    images = 0.5 + draws.log(0.08, 0.7) * (images - 0.5)
    uneven = related(draws, draws.count(1, 3), 1, draws.number(0.2, 1))[:, 0]
    fine = smooth(draws, draws.count(12, 50), draws.entries)
    return images + draws.log(0.02, 0.3) * uneven + draws.log(0.003, 0.04) * fine


def _contrast(draws: Draws, strength: float, lines: Tensor, thickness: Tensor) -> Tensor:
    """What lines add: less where they are thin, fading along the way, sometimes with a reflex in the middle."""
    fading = (draws.number(0.1, 0.6) * smooth(draws, draws.count(3, 6), draws.entries)).exp()
    faint = draws.number(0.2, 0.8)
    profile = lines * faint + (1 - faint) * thickness
    if draws.chance(0.25):
        profile = profile - draws.number(0.3, 0.7) * (blurred(thickness, 0.7) - 0.45).clamp(min=0)
    return strength * draws.jitter(0.2).exp() * fading * blurred(profile, draws.log(0.2, 0.8) * draws.size / 128)


def _disc(draws: Draws, images: Tensor, x: Tensor, y: Tensor, at: np.ndarray) -> tuple[Tensor, Tensor]:
    """The disc that trees grow from, with a cup in it, and a dark spot beside it."""
    column, row = (draws.tensor(at[:, axis])[:, None, None] for axis in (0, 1))
    size = draws.log(0.07, 0.2)
    level = star(x - column, y - row, draw_outline(draws, size, (0.01, 0.08), 1.3))
    disc = level < 0
    soft = blurred(disc.float(), draws.number(0.5, 2) * draws.size / 128)
    cup = blurred((level < -draws.number(0.3, 0.7)).float(), draws.number(0.5, 1.5) * draws.size / 128)
    sign = 1 if draws.chance(0.75) else -1
    images = images + sign * (draws.log(0.03, 0.4) * soft + draws.log(0.01, 0.25) * cup)
    away = draws.number(0.4, 0.8)
    spot = (-((x - column + away).square() + (y - row).square()) / (2 * draws.number(0.05, 0.2) ** 2)).exp()
    return images - draws.log(0.01, 0.2) * spot, disc


def _spots(draws: Draws) -> Tensor:
    """Small bright or dark spots, as of lesions and dust; in many tasks none."""
    amount = draws.one_of([0.0, 0.0, 0.02, 0.06])
    noise = smooth(draws, draws.count(15, 40), draws.entries)
    where = blurred((noise > 3 - 12 * amount).float(), draws.log(0.3, 1))
    return draws.number(-0.25, 0.25) * where if amount else torch.zeros_like(noise)


def _pupil(draws: Draws, images: Tensor) -> tuple[Tensor, Tensor | None]:
    """A round field of view in half of the tasks: darker, or brighter, towards its rim."""
    if draws.chance(0.5):
        return images, None
    x, y = draws.places
    distance = torch.hypot(x - draws.jitter(0.03), y - draws.jitter(0.03))
    radius = draws.number(0.8, 1.05) + draws.jitter(0.01)
    shade = draws.number(-0.3, 0.1) * (distance / radius).square()
    rim = (-((radius - distance) / draws.log(0.01, 0.06)).clamp(min=0)).exp()
    fade = 0.5 + 0.5 * torch.cos(torch.atan2(y, x) - draws.each(-pi, pi))  # on one side more
    return images + shade + draws.number(-0.1, 0.3) * rim * fade, distance < radius

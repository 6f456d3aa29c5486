"""Repeated objects along a curve: vertebrae and discs, teeth, ribs, fingers; all of them, one, or what is between."""

from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.pose import Pose, posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import backdrop, put

POSE = Pose(turns=0.12, zoom=(0.8, 1.3), zooms=0.1, shifts=0.08, bend=(0.005, 0.04))
MOST = 40  # objects that a curve may pass, seen or not


def chain(draws: Draws) -> Scene:
    x, y = posed(draws, POSE)
    away, along = _curve(draws, x, y)
    count = draws.number(4, 12)
    place = (along + 1) / 2 * count * (1 + draws.jitter(0.04)) + draws.number(10, 11) + draws.jitter(0.1)
    number = place.floor()
    inside = (place - number) * 2 - 1  # -1 to 1 within an object's share of the curve
    width, power = draws.log(0.08, 0.4) * draws.jitter(0.1).exp(), draws.number(2, 6)
    height = (1 - draws.number(0.1, 0.7)) * _of(number, draws.jitter(0.08, MOST).exp())
    wide = width * _of(number, draws.jitter(0.08, MOST).exp())
    row = ((away / wide).abs() ** power + (inside / height).abs() ** power < 1) & _there(draws, number)
    gaps = ((away / (draws.number(0.6, 1) * width)).abs() < 1) & ~row & (inside.abs() > 0.9 * height)
    strip = ((away - draws.number(1.3, 2.2) * width) / (draws.number(0.15, 0.5) * width)).abs() < 1
    first = draws.count(11, 10 + int(count))
    parts = {
        "row": row,
        "one": row & (number == first),
        "three": row & (number >= first) & (number < first + 3),
        "gaps": gaps,
    }
    if draws.chance(0.4):
        parts["strip"] = strip
    kinds, calm = backdrop(draws)
    put(kinds, [(strip, calm), (gaps, calm + 1), (row, calm + 2)])
    if draws.chance(0.3):
        put(kinds, [(row & (number % 2 == 0), calm + 3)])
        parts["every second"] = row & (number % 2 == 0)
    if draws.chance(0.3):  # objects with a shell
        core = (away / wide).abs() ** power + (inside / height).abs() ** power < draws.number(0.2, 0.6)
        put(kinds, [(core & row, calm + 4)])
    return Scene(painted(draws, kinds, calm + 5, calm), parts)


def _curve(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Distance from a bent line, to one side, and the place along it."""
    bow, wave = draws.number(-0.5, 0.5) + draws.jitter(0.06), draws.number(0, 0.2) + draws.jitter(0.03)
    phase = draws.number(0, 2 * pi) + draws.jitter(0.15)
    middle = bow * y.square() + wave * torch.sin(3 * y + phase)
    slope = 2 * bow * y + 3 * wave * torch.cos(3 * y + phase)
    return (x - middle) / (1 + slope.square()).sqrt(), y


def _there(draws: Draws, number: Tensor) -> Tensor:
    """A few are missing."""
    return _of(number, draws.happens(1 - draws.one_of([0, 0, 0.1]), MOST).float()) > 0


def _of(number: Tensor, table: Tensor) -> Tensor:
    """Each object's entry in a table (M, MOST, 1, 1)."""
    at = number.long().clamp(0, MOST - 1).flatten(1)
    return table.flatten(1).gather(1, at).view_as(number)

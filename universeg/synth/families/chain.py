"""Family `chain`: similar objects along a curve, like vertebrae with discs, teeth, ribs or fingers."""

from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import background, fill

POSE = Pose(
    subject_rotation=0.12, task_scale=(0.8, 1.3), subject_scale=0.1, subject_shift=0.08, deformation=(0.005, 0.04)
)
MAX_OBJECTS = 40  # on a curve, including those outside the picture


def chain(draws: Draws) -> Scene:
    """Labels are all objects, one, three neighbours, every second one, the gaps between them, a strip beside them."""
    x, y = anatomy_coordinates(draws, POSE)
    distance, along = _curve(draws, x, y)
    count = draws.uniform(4, 12)
    position = (along + 1) / 2 * count * (1 + draws.normal_each(0.04)) + draws.uniform(10, 11) + draws.normal_each(0.1)
    number = position.floor()
    offset = (position - number) * 2 - 1  # -1 to 1 within the interval of an object
    width, power = draws.log_uniform(0.08, 0.4) * draws.normal_each(0.1).exp(), draws.uniform(2, 6)
    height = (1 - draws.uniform(0.1, 0.7)) * _value_of_object(number, draws.normal_each(0.08, MAX_OBJECTS).exp())
    half_width = width * _value_of_object(number, draws.normal_each(0.08, MAX_OBJECTS).exp())
    row = ((distance / half_width).abs() ** power + (offset / height).abs() ** power < 1) & _is_present(draws, number)
    gaps = ((distance / (draws.uniform(0.6, 1) * width)).abs() < 1) & ~row & (offset.abs() > 0.9 * height)
    strip = ((distance - draws.uniform(1.3, 2.2) * width) / (draws.uniform(0.15, 0.5) * width)).abs() < 1
    first = draws.whole_number(11, 10 + count)
    parts = {
        "row": row,
        "one": row & (number == first),
        "three": row & (number >= first) & (number < first + 3),
        "gaps": gaps,
    }
    if draws.chance(0.4):
        parts["strip"] = strip
    kinds, n_background = background(draws)
    fill(kinds, [(strip, n_background), (gaps, n_background + 1), (row, n_background + 2)])
    if draws.chance(0.3):
        fill(kinds, [(row & (number % 2 == 0), n_background + 3)])
        parts["every second"] = row & (number % 2 == 0)
    if draws.chance(0.3):  # objects with a shell
        core = (distance / half_width).abs() ** power + (offset / height).abs() ** power < draws.uniform(0.2, 0.6)
        fill(kinds, [(core & row, n_background + 4)])
    return Scene(rendered(draws, kinds, n_background + 5, n_background), parts)


def _curve(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Signed distance from a curved line, and position along it; (M, H, W) each."""
    bend, wave = draws.uniform(-0.5, 0.5) + draws.normal_each(0.06), draws.uniform(0, 0.2) + draws.normal_each(0.03)
    phase = draws.uniform(0, 2 * pi) + draws.normal_each(0.15)
    middle = bend * y.square() + wave * torch.sin(3 * y + phase)
    slope = 2 * bend * y + 3 * wave * torch.cos(3 * y + phase)
    return (x - middle) / (1 + slope.square()).sqrt(), y


def _is_present(draws: Draws, number: Tensor) -> Tensor:
    """Whether the object at each pixel is present. In a third of the tasks a few are missing."""
    return _value_of_object(number, draws.chance_each(1 - draws.choice([0, 0, 0.1]), MAX_OBJECTS).float()) > 0


def _value_of_object(number: Tensor, table: Tensor) -> Tensor:
    """At each pixel (M, H, W) the entry of its object in a table (M, MAX_OBJECTS, 1, 1)."""
    at = number.long().clamp(0, MAX_OBJECTS - 1).flatten(1)
    return table.flatten(1).gather(1, at).view_as(number)

"""Family `organs`: a slice through a body, with organs at the same position in each subject."""

from math import pi

from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.fields import blurred
from universeg.synth.scene.numbers import Number, cos, sign, sin, where
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import background, draw_outline, fill, outline_level

POSE = Pose(
    task_rotation=0.5,
    subject_rotation=0.12,
    task_scale=(0.85, 1.5),
    subject_scale=0.1,
    task_shift=0.1,
    subject_shift=0.1,
    deformation=(0.01, 0.05),
)


def organs(draws: Draws) -> Scene:
    """Labels are the body, its rim and its organs. Some organs are pairs, and one may have a cavity."""
    x, y = anatomy_coordinates(draws, POSE)
    kinds, n_background = background(draws, 3)
    size = draws.uniform(0.65, 1)
    level = outline_level(x, y, draw_outline(draws, size, (0.005, 0.08)))
    body = level < 0
    fill(kinds, [(~body, n_background)])
    count = draws.integer(3, 8)
    parts = dict[str, Tensor]()
    for n in range(count):
        # large organs first, so that they do not cover small ones
        mask = organ(draws, x, y, size, draws.log_uniform(0.07, 0.2) + 0.25 * (1 - n / count) ** 2) & body
        parts = {name: other & ~mask for name, other in parts.items()}
        kind = n_background + 2 + n
        fill(kinds, [(mask, kind)])
        if n == count - 1 and draws.chance(0.5):
            parts["cavity"] = cavity = mask & _organ_core(draws, kinds == kind)
            fill(kinds, [(cavity, kind + 1)])
            mask = mask & ~cavity
        parts[f"organ {n + 1}"] = mask
    if draws.chance(0.5):
        parts["rim"] = rim = body & (level > -draws.uniform(0.03, 0.12))
        fill(kinds, [(rim, n_background + 1)])
    black_outside = draws.chance(0.6)
    images = rendered(draws, kinds, n_background + count + 3, n_background, few_tissues=0.5)
    return Scene(images, parts | {"body": body}, body if black_outside else None)


def organ(draws: Draws, x: Tensor, y: Tensor, size: Number, radius: Number) -> Tensor:
    """A mask (M, H, W) of one organ, or of a pair."""
    angle, distance = draws.uniform(0, 2 * pi), draws.uniform(0, 0.75) ** 0.7 * size
    shift_sd = draws.log_uniform(0.01, 0.08)
    centre = distance * cos(angle), distance * sin(angle)
    pair = draws.chance_where(abs(centre[0]) > radius, 0.35)
    x = where(pair, lambda: x.abs() * sign(centre[0]), x)  # a second organ on the other side
    across, along = x - centre[0] - draws.normal_each(shift_sd), y - centre[1] - draws.normal_each(shift_sd)
    outline = draw_outline(draws, radius * size, (0.02, 0.3), 2.5)
    scale = draws.normal_each(draws.log_uniform(0.03, 0.2)).exp()
    present = draws.chance_each(draws.choice([1, 1, 1, 0.95]))
    return (outline_level(across * scale, along * scale, outline) < 0) & present


def _organ_core(draws: Draws, mask: Tensor) -> Tensor:
    """The inside of an organ, without its wall."""
    wall = draws.log_uniform(1.5, 4) * draws.size / 128
    return blurred(draws, mask.float(), wall) > 0.85

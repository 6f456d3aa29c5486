"""Family `projection`: X-ray images, in which structures behind each other add up; masks overlap."""

import torch
from torch import Tensor

from universeg.synth.scene.fields import blurred, shared_noise, smooth_noise
from universeg.synth.scene.numbers import Number
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import draw_outline, outline_level

POSE = Pose(
    task_rotation=0.4,
    subject_rotation=0.08,
    task_scale=(0.8, 1.2),
    subject_scale=0.08,
    task_shift=0.1,
    subject_shift=0.08,
    deformation=(0.005, 0.04),
)


def projection(draws: Draws) -> Scene:
    """Half of the tasks show a chest, a quarter a jaw, a quarter bodies without names."""
    x, y = anatomy_coordinates(draws, POSE)
    depth, parts = draws.choice([_bodies, _chest, _chest, _jaw])(draws, x, y)
    uneven = draws.log_uniform(0.02, 0.2) * shared_noise(draws, draws.integer(2, 8), 1, draws.uniform(0.2, 1))[:, 0]
    depth = depth + uneven
    images = 1 - (-depth.clamp(min=0)).exp()
    images = blurred(draws, images, draws.log_uniform(0.3, 1.2) * draws.size / 128)
    fine = draws.log_uniform(0.003, 0.03) * smooth_noise(draws, draws.integer(20, 50))
    return Scene(images + fine, parts)


def _bodies(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Three to six solid or hollow bodies: thickness (M, H, W), and masks."""
    depth, parts = draws.uniform(0.05, 0.4) + torch.zeros_like(x), dict[str, Tensor]()
    for n in range(draws.integer(3, 6)):
        level = _shape(draws, x, y, (-0.8, 0.8), (-0.8, 0.8), draws.log_uniform(0.12, 0.7))
        solid = _thickness(level)
        if draws.chance(0.4):  # hollow: the walls are brightest at the edge
            shell = draws.uniform(0.6, 0.95)
            solid = solid - shell * _thickness((1 + level) / shell - 1)
        depth = depth + draws.log_uniform(0.1, 1) * solid
        parts[f"body {n + 1}"] = level < 0
    return depth, parts


def _chest(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Two lungs beside a spine, a heart between them, and ribs: thickness (M, H, W), and masks."""
    trunk = _thickness(_shape(draws, x, y, (-0.05, 0.05), (-0.1, 0.1), draws.uniform(0.9, 1.3)))
    depth = draws.uniform(0.5, 1.2) * trunk
    distance = draws.uniform(0.35, 0.5)
    lungs = _shape(draws, x.abs(), y, (distance, distance), (-0.2, 0.05), draws.uniform(0.28, 0.42), 2.2)
    heart = _shape(draws, x, y, (-0.2, 0.2), (0.1, 0.35), draws.uniform(0.2, 0.35))
    depth = depth - draws.uniform(0.3, 0.8) * _thickness(lungs).sqrt()
    depth = depth + draws.uniform(0.15, 0.6) * _thickness(heart)
    spine = x.abs() < draws.uniform(0.05, 0.12)
    depth = depth + draws.uniform(0.05, 0.3) * spine
    arcs = (y + draws.uniform(-0.6, 0.6) * (x.abs() - 0.4).square()) * draws.uniform(5, 9) + draws.normal_each(0.2)
    ribs = (arcs - arcs.floor() < draws.uniform(0.15, 0.4)) & (trunk > 0)
    depth = depth + draws.log_uniform(0.02, 0.2) * ribs
    in_lungs, in_heart = lungs < 0, heart < 0
    parts = {
        "lungs": in_lungs & ~in_heart,
        "left": in_lungs & (x < 0),
        "right": in_lungs & (x > 0),
        "heart": in_heart,
    }
    if draws.chance(0.3):
        parts |= {"airways": in_lungs, "spine": spine}
    return depth, parts


def _jaw(draws: Draws, x: Tensor, y: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """A jaw with two rows of teeth, of which some are missing: thickness (M, H, W), and masks."""
    depth = draws.uniform(0.2, 0.5) + 0.2 * _thickness(_shape(draws, x, y, (-0.1, 0.1), (-0.2, 0.2), 0.9))
    bend, width = draws.uniform(0.5, 1.5) + draws.normal_each(0.06), draws.uniform(0.1, 0.25)
    distance = (y - 0.45 + bend * x.square()) / (1 + (2 * bend * x).square()).sqrt()
    in_arch = x.abs() < draws.uniform(0.6, 0.95)
    arch = ((distance / width).abs() < 1) & in_arch
    position = torch.asinh(2 * bend * x) / (2 * bend) * draws.uniform(6, 14) + draws.normal_each(0.1) + 20
    number = position.floor()
    present = draws.chance_each(draws.uniform(0.7, 1), 41).flatten(1)
    present = present.gather(1, number.long().clamp(0, 40).flatten(1)).view_as(x)
    across = ((position - number) * 2 - 1) / 0.85
    lower = (across**4 + ((distance + width) / (0.9 * width)) ** 4 < 1) & in_arch & present
    upper = (across**4 + ((distance + draws.uniform(2.9, 3.3) * width) / (0.9 * width)) ** 4 < 1) & in_arch & present
    teeth = lower | upper
    depth = depth + draws.uniform(0.2, 0.8) * arch * (1 - (distance / width).square()).clamp(min=0).sqrt()
    depth = depth + draws.uniform(0.2, 0.9) * teeth
    return depth, {"arch": arch, "arch with teeth": arch | lower, "teeth": teeth, "lower teeth": lower}


def _shape(
    draws: Draws,
    x: Tensor,
    y: Tensor,
    across: tuple[Number, Number],
    along: tuple[Number, Number],
    radius: Number,
    aspect: float = 1.6,
) -> Tensor:
    """The level (M, H, W) of a shape; `across` and `along` are the ranges of its centre along x and y."""
    shift_sd = draws.log_uniform(0.01, 0.06)
    x, y = (
        x - draws.uniform(*across) - draws.normal_each(shift_sd),
        y - draws.uniform(*along) - draws.normal_each(shift_sd),
    )
    scale = draws.normal_each(draws.log_uniform(0.02, 0.12)).exp()
    return outline_level(x * scale, y * scale, draw_outline(draws, radius, (0.02, 0.2), aspect))


def _thickness(level: Tensor) -> Tensor:
    """Relative thickness of a round body at each pixel, 1 at its centre and 0 outside."""
    return (1 - (1 + level).square()).clamp(min=0).sqrt()

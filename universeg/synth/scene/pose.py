"""How subjects differ: position, size, rotation and deformation of the same anatomy."""

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.fields import smooth_noise
from universeg.synth.scene.random_draws import Draws


@dataclass(frozen=True)
class Pose:
    """Ranges of the pose. Lengths are fractions of half the image side; angles are in radians.

    Fields with `task_` are common to all subjects of a task, those with `subject_` are drawn for each subject.
    """

    task_rotation: float = pi  # uniform, at most, in both directions
    subject_rotation: float = 0.4  # standard deviation, at most
    task_scale: tuple[float, float] = (0.75, 1.35)  # log-uniform
    subject_scale: float = 0.2  # standard deviation of the logarithm, at most
    task_shift: float = 0.25  # uniform, at most, in both directions
    subject_shift: float = 0.2  # standard deviation, at most
    deformation: tuple[float, float] = (0.01, 0.08)  # root mean square of each subject's smooth deformation


POSE = Pose()


def anatomy_coordinates(draws: Draws, pose: Pose = POSE) -> tuple[Tensor, Tensor]:
    """x and y (M, H, W): the position in the anatomy that each pixel of each subject shows.

    One number per task sets how much its subjects differ. So the position of a label helps in some tasks only.
    """
    variation = draws.log_uniform(0.03, 1)
    x, y = draws.coordinates
    amount = draws.log_uniform(*pose.deformation)
    fields = smooth_noise(draws, draws.integer(2, 4), 2)
    fields = fields + 0.4 * smooth_noise(draws, 8, 2)
    x, y = (place + amount * fields[:, axis] for axis, place in enumerate((x, y)))
    shift_sd = 0.02 + pose.subject_shift * variation
    x, y = (place - draws.uniform(-pose.task_shift, pose.task_shift) - draws.normal_each(shift_sd) for place in (x, y))
    common_angle = draws.uniform(-pose.task_rotation, pose.task_rotation)
    angle = common_angle + draws.normal_each(0.02 + pose.subject_rotation * variation)
    if pose.task_rotation == pi and draws.chance(0.15):  # subjects in any direction
        angle = draws.uniform_each(-pi, pi)
    scale = draws.log_uniform(*pose.task_scale) * draws.normal_each(0.03 + pose.subject_scale * variation).exp()
    cos, sin = angle.cos() / scale, angle.sin() / scale
    return cos * x - sin * y, sin * x + cos * y


def mirrored(draws: Draws, x: Tensor) -> Tensor:
    """x with left and right exchanged in half of the subjects."""
    return torch.where(draws.chance_each(0.5), -x, x)

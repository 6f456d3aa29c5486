"""Family `vessels`: branching trees of thin lines with low contrast, like vessels or nerves."""

import numpy as np
from torch import Tensor

from universeg.synth.scene.fields import blurred
from universeg.synth.scene.pose import Pose, anatomy_coordinates, mirrored
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import draw_outline, outline_level
from universeg.synth.scene.thin_lines import line_contrast, low_contrast_background, round_field_of_view, spots
from universeg.synth.scene.trees import TREES, draw_growth, grow_forest, sample_trees

POSE = Pose(
    subject_rotation=0.3,
    task_scale=(0.8, 1.1),
    subject_scale=0.1,
    task_shift=0.1,
    subject_shift=0.12,
    deformation=(0.01, 0.05),
)


def vessels(draws: Draws) -> Scene:
    """Labels are the tree, and in some tasks its thick branches and the disc that it starts from.

    Each subject shows a part of one of several trees, so that only the appearance identifies them.
    """
    growth = draw_growth(draws)
    forest = draws.shared.once(lambda own: grow_forest(own, growth))
    x, y = anatomy_coordinates(draws, POSE)
    x = mirrored(draws, x)
    which = draws.subject_rng.integers(0, TREES, draws.subjects)
    lines, thickness = sample_trees(forest, which, x, y)
    images = low_contrast_background(draws)
    parts = dict[str, Tensor]()
    if growth.origin == "disc":
        images, disc = _with_disc(draws, images, x, y, forest.discs[which])
        parts |= {"disc": disc} if draws.chance(0.3) else {}
    strength = draws.log_uniform(0.03, 0.3) * draws.choice([-1, 1])
    images = images + line_contrast(draws, strength, lines, thickness)
    images = images + spots(draws)
    if draws.chance(0.35):  # a second system of vessels with the opposite contrast, which may be out of focus
        other_lines, other_thickness = sample_trees(forest, (which + 1) % TREES, -y, x)
        blur = draws.uniform(0, 2) * draws.size / 128
        other_lines = blurred(draws, other_lines, blur) if draws.chance(0.5) else other_lines
        images = images - line_contrast(draws, strength * draws.uniform(0.3, 1), other_lines, other_thickness)
    parts["tree"] = lines > draws.uniform(0.3, 0.55)
    if growth.radius > 1 and draws.chance(0.4):
        parts["stems"] = (lines > 0.5) & (thickness > 0.45)
    images, visible = round_field_of_view(draws, images)
    return Scene(images, parts, visible)


def _with_disc(draws: Draws, images: Tensor, x: Tensor, y: Tensor, centres: np.ndarray) -> tuple[Tensor, Tensor]:
    """Add the disc that trees start from, with a cup in it, and a dark spot beside it; return images and disc mask."""
    column, row = (draws.tensor(centres[:, axis])[:, None, None] for axis in (0, 1))
    size = draws.log_uniform(0.07, 0.2)
    level = outline_level(x - column, y - row, draw_outline(draws, size, (0.01, 0.08), 1.3))
    disc = level < 0
    soft = blurred(draws, disc.float(), draws.uniform(0.5, 2) * draws.size / 128)
    cup = blurred(draws, (level < -draws.uniform(0.3, 0.7)).float(), draws.uniform(0.5, 1.5) * draws.size / 128)
    sign = 1 if draws.chance(0.75) else -1
    images = images + sign * (draws.log_uniform(0.03, 0.4) * soft + draws.log_uniform(0.01, 0.25) * cup)
    distance = draws.uniform(0.4, 0.8)
    squared = (x - column + distance).square() + (y - row).square()
    spot = (-squared / (2 * draws.uniform(0.05, 0.2) ** 2)).exp()
    return images - draws.log_uniform(0.01, 0.2) * spot, disc

"""Family `lesions`: blobs at any position, which differ from their surroundings in intensity or only in texture."""

import torch
from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.fields import blurred, draw_texture, smooth_noise, texture_crops
from universeg.synth.scene.numbers import Number
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import background, below, draw_outline, outline_level

POSE = Pose(subject_rotation=0.3, subject_shift=0.3)


def lesions(draws: Draws) -> Scene:
    """One to three lesions with irregular or soft edges; in half of the tasks with other blobs that are no lesions."""
    x, y = anatomy_coordinates(draws, POSE)
    kinds, n_background = background(draws, 6)
    images = rendered(draws, kinds, n_background, n_background)
    images = 0.5 + draws.log_uniform(0.2, 1) * (images - 0.5)
    radius, edge = draws.log_uniform(0.08, 0.4), draws.log_uniform(0.4, 3) * draws.size / 128
    delta = draws.log_uniform(0.05, 0.5) * draws.choice([-1, 1])
    roughness = draws.log_uniform(0.01, 0.25)
    if draws.chance(0.5):
        others, relative = _blobs(draws, x, y, 2, draws.log_uniform(0.05, 0.3), roughness)[0], draws.uniform(-1, 0.3)
        images = images + delta * relative * blurred(draws, (others < 0).float(), edge)
    level, shadow = _blobs(draws, x, y, draws.integer(1, 3), radius, roughness)
    inside = blurred(draws, (level < 0).float(), edge)
    if draws.chance(0.3):  # darker or brighter behind the lesion, as in ultrasound
        images = images * (1 + draws.uniform(-0.6, 0.4) * blurred(draws, shadow, 2 * edge))
    images = images + delta * draws.normal_each(0.2).exp() * inside
    grain = draws.log_uniform(0.005, 0.15) * texture_crops(draws, draws.once(draw_texture))
    images = images * (1 - draws.uniform(0, 0.8) * inside) + inside * (grain + 0.5 * draws.uniform(0, 0.8))
    parts = {"lesion": level < 0}
    core = level < -draws.uniform(0.4, 0.7)
    if draws.chance(0.3):
        images = images + draws.uniform(-0.4, 0.4) * blurred(draws, core.float(), edge)
        parts |= {"core": core, "margin": (level < 0) & ~core}
    return Scene(images, parts)


def _blobs(
    draws: Draws, x: Tensor, y: Tensor, max_blobs: int, radius: Number, roughness: Number
) -> tuple[Tensor, Tensor]:
    """The smallest level of up to `max_blobs` blobs, and a mask of the region below the first one."""
    uneven = roughness * smooth_noise(draws, draws.integer(8, 24))
    lowest = torch.full_like(x, 9.0)
    shadow = torch.zeros_like(x)
    for n in range(max_blobs):
        across, along = (place - draws.uniform_each(-0.6, 0.6) for place in (x, y))
        size = draws.normal_each(0.3).exp()
        level = outline_level(across * size, along * size, draw_outline(draws, radius, (0.03, 0.35), 2)) + uneven
        present = draws.chance_each(0.6) if n else torch.ones_like(size, dtype=torch.bool)
        lowest = torch.where(present, torch.minimum(lowest, level), lowest)
        if n == 0:
            shadow = below(across * size, along, 0.8 * radius)
    return lowest, shadow

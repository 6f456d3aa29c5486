"""Family `mesh`: lines of constant width, like membranes, capillaries or cracks."""

import torch

from universeg.synth.scene.fields import smooth_noise
from universeg.synth.scene.numbers import with_dims
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.thin_lines import line_contrast, low_contrast_background, round_field_of_view, spots


def mesh(draws: Draws) -> Scene:
    """The label is all lines. They lie where smooth noise changes its sign, so each subject has other ones."""
    fields = smooth_noise(draws, draws.integer(5, 22), draws.integer(1, 2))
    steepness = torch.stack(torch.gradient(fields, dim=(-2, -1))).square().sum(0).sqrt().clamp(min=1e-3)
    half_width = with_dims(draws.log_uniform(0.4, 2) * (draws.size / 128) ** 0.6, 4) * draws.normal_each(0.1, 1).exp()
    lines = (half_width + 0.5 - fields.abs() / steepness).clamp(0, 1).amax(1)
    if draws.chance(0.5):  # lines in a part of the image only
        lines = lines * (draws.uniform(-0.5, 1) + smooth_noise(draws, 4) > 0)
    strength = draws.log_uniform(0.05, 0.5) * draws.choice([-1, 1])
    images = low_contrast_background(draws) + line_contrast(draws, strength, lines, lines)
    images, visible = round_field_of_view(draws, images)
    return Scene(images + spots(draws), {"mesh": lines > 0.5}, visible)

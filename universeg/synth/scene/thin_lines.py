"""Images of thin lines: an uneven background, the lines' own contrast, spots, and a round field of view."""

from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.fields import blurred, shared_noise, smooth_noise
from universeg.synth.scene.numbers import Number
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.shapes import background


def low_contrast_background(draws: Draws) -> Tensor:
    """Images (M, H, W) with little contrast and slow shading."""
    kinds, count = background(draws, 4)
    images = rendered(draws, kinds, count, count)
    if draws.chance(0.7):
        images = blurred(draws, images, draws.log_uniform(0.5, 8) * draws.size / 128)
    images = 0.5 + draws.log_uniform(0.08, 0.7) * (images - 0.5)
    shading = shared_noise(draws, draws.integer(1, 3), 1, draws.uniform(0.2, 1))[:, 0]
    fine = smooth_noise(draws, draws.integer(12, 50))
    return images + draws.log_uniform(0.02, 0.3) * shading + draws.log_uniform(0.003, 0.04) * fine


def line_contrast(draws: Draws, strength: Number, lines: Tensor, thickness: Tensor) -> Tensor:
    """The intensity (M, H, W) that lines add to an image. `lines` is their coverage, `thickness` 0 to 1.

    Thin lines add less, the contrast varies along the lines, and in some tasks thick ones have a reflex in the middle.
    """
    variation = (draws.uniform(0.1, 0.6) * smooth_noise(draws, draws.integer(3, 6))).exp()
    thin_share = draws.uniform(0.2, 0.8)
    profile = lines * thin_share + (1 - thin_share) * thickness
    if draws.chance(0.25):
        profile = profile - draws.uniform(0.3, 0.7) * (blurred(draws, thickness, 0.7) - 0.45).clamp(min=0)
    amplitude = strength * draws.normal_each(0.2).exp() * variation
    return amplitude * blurred(draws, profile, draws.log_uniform(0.2, 0.8) * draws.size / 128)


def spots(draws: Draws) -> Tensor:
    """The intensity (M, H, W) of small bright or dark spots, like lesions or dust. Half of the tasks have none."""
    amount = draws.choice([0.0, 0.0, 0.02, 0.06])
    noise = smooth_noise(draws, draws.integer(15, 40))
    mask = blurred(draws, (noise > 3 - 12 * amount).float(), draws.log_uniform(0.3, 1))
    return draws.uniform(-0.25, 0.25) * mask if amount else torch.zeros_like(noise)


def round_field_of_view(draws: Draws, images: Tensor) -> tuple[Tensor, Tensor | None]:
    """In half of the tasks a round field of view (M, H, W) bool, and images that are shaded towards its rim."""
    if draws.chance(0.5):
        return images, None
    x, y = draws.coordinates
    distance = torch.hypot(x - draws.normal_each(0.03), y - draws.normal_each(0.03))
    radius = draws.uniform(0.8, 1.05) + draws.normal_each(0.01)
    shading = draws.uniform(-0.3, 0.1) * (distance / radius).square()
    rim = (-((radius - distance) / draws.log_uniform(0.01, 0.06)).clamp(min=0)).exp()
    one_side = 0.5 + 0.5 * torch.cos(torch.atan2(y, x) - draws.uniform_each(-pi, pi))  # the rim is brighter there
    return images + shading + draws.uniform(-0.1, 0.3) * rim * one_side, distance < radius

"""Simulated image acquisition: bias field, noise, blur, low resolution, contrast, inversion, field of view."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from universeg.synth.scene.fields import blurred, smooth_noise
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene


def acquired(draws: Draws, scene: Scene) -> tuple[Tensor, Tensor | None]:
    """Pictures (M, H, W) in [0, 1] of a scene, and the mask of the field of view; None if there is no border."""
    images = scene.images * (draws.log_uniform(0.01, 0.35) * smooth_noise(draws, draws.integer(1, 4))).exp()
    images = _blurred_and_downsampled(draws, _noisy(draws, images))
    images = _with_other_contrast(draws, _rescaled(images))
    inverted = draws.chance(0.4)
    images = 1 - images if inverted else images
    visible = scene.field_of_view if scene.field_of_view is not None else _field_of_view(draws)
    return (images if visible is None else _cropped(draws, images, visible)), visible


def _noisy(draws: Draws, images: Tensor) -> Tensor:
    """Images with Gaussian noise, speckle or Rician noise."""
    noise = draws.noise_each(*images.shape[1:])
    if draws.chance(0.3):  # coarse noise
        noise = blurred(draws, noise, sd := draws.log_uniform(0.4, 1.5)) * (1 + 3 * sd)
    if draws.chance(0.15):  # speckle, as in ultrasound
        return images * (1 + draws.uniform(0.1, 0.5) * noise)
    level = draws.log_uniform(0.003, 0.12) * draws.normal_each(0.3).exp()
    if draws.chance(0.1):  # Rician noise, as in MR
        return ((images + level * noise).square() + (level * draws.noise_each(*images.shape[1:])).square()).sqrt()
    return images + level * noise


def _blurred_and_downsampled(draws: Draws, images: Tensor) -> Tensor:
    """Blurred, and in some tasks sampled at a lower resolution."""
    scale = draws.size / 128
    if draws.chance(0.5):
        images = blurred(draws, images, draws.log_uniform(0.2, 1.2) * scale, draws.log_uniform(0.2, 1.2) * scale)
    if draws.chance(0.15):
        factor = draws.choice([(2, 2), (2, 2), (2, 1), (1, 2), (4, 1), (1, 4), (3, 3)])
        small = avg_pool2d(images[:, None], factor, ceil_mode=True)
        mode = draws.choice(["nearest", "bilinear"])
        images = interpolate(small, size=images.shape[-2:], mode=mode)[:, 0]
    return images


def _rescaled(images: Tensor) -> Tensor:
    """Each image rescaled to [0, 1]; about 0.3 % of the pixels are clipped at each end."""
    sample = images.flatten(1)[:, ::7]
    clip = max(1, sample.shape[1] // 300)
    low, high = sample.kthvalue(clip, 1).values, sample.kthvalue(sample.shape[1] - clip + 1, 1).values
    low, high = low[:, None, None], high[:, None, None]
    return ((images - low) / (high - low).clamp(min=1e-4)).clamp(0, 1)


def _with_other_contrast(draws: Draws, images: Tensor) -> Tensor:
    """Gamma correction, and in some tasks a reduced range of intensities."""
    gamma = (draws.normal(0.4) + draws.normal_each(0.08)).exp()
    images = images**gamma
    if draws.chance(0.2):
        low, width = draws.uniform(0, 0.5) + draws.normal_each(0.03), draws.uniform(0.3, 0.9)
        images = (low + width * (1 - low) * images).clamp(0, 1)
    return images


def _field_of_view(draws: Draws) -> Tensor | None:
    """A round, rectangular or fan-shaped field of view (M, H, W) bool; None in seven of ten tasks."""
    x, y = draws.coordinates
    x, y = x + draws.normal_each(0.03), y + draws.normal_each(0.03)
    shape = draws.choice([None] * 7 + ["round", "box", "sector"])
    if shape == "round":
        return x.square() + y.square() < (draws.uniform(0.75, 1.1) + draws.normal_each(0.02)) ** 2
    if shape == "box":
        wide, tall = draws.choice([(1.2, 0.75), (0.75, 1.2), (0.9, 0.6), (0.6, 0.9), (0.9, 0.9)])
        return (x.abs() < wide + draws.normal_each(0.05)) & (y.abs() < tall + draws.normal_each(0.05))
    if shape == "sector":
        apex, half = -1.05 - draws.uniform(0, 0.4), draws.uniform(0.5, 0.9)
        far = (x.square() + (y - apex).square()).sqrt()
        return (far < -apex + draws.uniform(0.7, 1)) & (far > draws.uniform(0.05, 0.4)) & (x.abs() < (y - apex) * half)
    return None


def _cropped(draws: Draws, images: Tensor, visible: Tensor) -> Tensor:
    """Black outside the field of view, rarely another intensity. The rim may be brighter or darker."""
    outside = 0.0 if draws.chance(0.85) else draws.uniform(0, 1)
    if draws.chance(0.25):
        inside = blurred(draws, visible.float(), draws.uniform(0.6, 1.5) * draws.size / 128)
        images = (images + draws.uniform(-0.3, 0.6) * 4 * inside * (1 - inside)).clamp(0, 1)
    return torch.where(visible, images, outside)

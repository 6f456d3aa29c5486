"""From a scene to a picture: uneven gain, noise, speckle, blur, low resolution, tone, inversion, field of view."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from universeg.synth.scene.fields import blurred, smooth
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene


def photographed(draws: Draws, scene: Scene) -> tuple[Tensor, Tensor | None]:
    """Pictures (M, H, W) in [0, 1], and what of them is in the field of view, if not all."""
    images = scene.images * (draws.log(0.01, 0.35) * smooth(draws, draws.count(1, 4), draws.entries)).exp()
    images = _shot(draws, _noisy(draws, images))
    images = _toned(draws, _stretched(images))
    inverted = draws.chance(0.4)
    images = 1 - images if inverted else images
    seen = scene.seen if scene.seen is not None else _field_of_view(draws)
    return (images if seen is None else _framed(draws, images, seen)), seen


def _noisy(draws: Draws, images: Tensor) -> Tensor:
    noise = draws.pixels(*images.shape)
    if draws.chance(0.3):  # coarse
        noise = blurred(noise, sd := draws.log(0.4, 1.5)) * (1 + 3 * sd)
    if draws.chance(0.15):  # speckle, as of ultrasound
        return images * (1 + draws.number(0.1, 0.5) * noise)
    level = draws.log(0.003, 0.12) * draws.jitter(0.3).exp()
    if draws.chance(0.1):  # magnitudes of complex noise, as of MR
        return ((images + level * noise).square() + (level * draws.pixels(*images.shape)).square()).sqrt()
    return images + level * noise


def _shot(draws: Draws, images: Tensor) -> Tensor:
    """Blur, low resolution."""
    scale = draws.size / 128
    if draws.chance(0.5):
        images = blurred(images, draws.log(0.2, 1.2) * scale, draws.log(0.2, 1.2) * scale)
    if draws.chance(0.15):
        factor = draws.one_of([(2, 2), (2, 2), (2, 1), (1, 2), (4, 1), (1, 4), (3, 3)])
        small = avg_pool2d(images[:, None], factor, ceil_mode=True)
        mode = draws.one_of(["nearest", "bilinear"])
        images = interpolate(small, size=images.shape[-2:], mode=mode)[:, 0]
    return images


def _stretched(images: Tensor) -> Tensor:
    """From dark to bright as 0 to 1; a few pixels are clipped in half of the tasks."""
    sample = images.flatten(1)[:, ::7]
    clip = max(1, sample.shape[1] // 300)
    low, high = sample.kthvalue(clip, 1).values, sample.kthvalue(sample.shape[1] - clip + 1, 1).values
    low, high = low[:, None, None], high[:, None, None]
    return ((images - low) / (high - low).clamp(min=1e-4)).clamp(0, 1)


def _toned(draws: Draws, images: Tensor) -> Tensor:
    """Gamma, and in some tasks little contrast within the range."""
    gamma = (draws.numbers.normal(0, 0.4) + draws.jitter(0.08)).exp()
    images = images**gamma
    if draws.chance(0.2):
        low, share = draws.number(0, 0.5) + draws.jitter(0.03), draws.number(0.3, 0.9)
        images = (low + share * (1 - low) * images).clamp(0, 1)
    return images


def _field_of_view(draws: Draws) -> Tensor | None:
    x, y = draws.places
    x, y = x + draws.jitter(0.03), y + draws.jitter(0.03)
    shape = draws.one_of([None] * 7 + ["round", "box", "sector"])
    if shape == "round":
        return x.square() + y.square() < (draws.number(0.75, 1.1) + draws.jitter(0.02)) ** 2
    if shape == "box":
        wide, tall = draws.one_of([(1.2, 0.75), (0.75, 1.2), (0.9, 0.6), (0.6, 0.9), (0.9, 0.9)])
        return (x.abs() < wide + draws.jitter(0.05)) & (y.abs() < tall + draws.jitter(0.05))
    if shape == "sector":
        apex, half = -1.05 - draws.number(0, 0.4), draws.number(0.5, 0.9)
        far = (x.square() + (y - apex).square()).sqrt()
        return (far < -apex + draws.number(0.7, 1)) & (far > draws.number(0.05, 0.4)) & (x.abs() < (y - apex) * half)
    return None


def _framed(draws: Draws, images: Tensor, seen: Tensor) -> Tensor:
    """Black outside (rarely another level); the rim may be bright."""
    outside = 0.0 if draws.chance(0.85) else draws.number(0, 1)
    if draws.chance(0.25):
        inside = blurred(seen.float(), draws.number(0.6, 1.5) * draws.size / 128)
        images = (images + draws.number(-0.3, 0.6) * 4 * inside * (1 - inside)).clamp(0, 1)
    return torch.where(seen, images, outside)

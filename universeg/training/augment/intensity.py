"""Transforms of intensities: inversion, brightness and contrast, blur, sharpness, noise. Masks do not change."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from universeg.training.augment.transform import EpisodeShape, IntensityTransform, Numbers, Params, uniform


@dataclass(frozen=True)
class FlipIntensities(IntensityTransform):
    """Invert the image: white becomes black."""

    def images(self, images: Tensor, params: Params) -> Tensor:
        return 1 - images


@dataclass(frozen=True)
class BrightnessContrast(IntensityTransform):
    """Multiply the differences from the mean of the image by the contrast, and add the brightness."""

    brightness: tuple[float, float]
    contrast: tuple[float, float]

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        return {
            "brightness": uniform(rng, self.brightness, shape.draws),
            "contrast": uniform(rng, self.contrast, shape.draws),
        }

    def images(self, images: Tensor, params: Params) -> Tensor:
        mean = images.mean((-2, -1), keepdim=True)
        return (images - mean) * _per_image(params["contrast"]) + (mean + _per_image(params["brightness"]))


@dataclass(frozen=True)
class Blur(IntensityTransform):
    """A Gaussian blur with a kernel of `side` pixels per side; sigma is in pixels."""

    side: int
    sigma: tuple[float, float]

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        return {"sigma": uniform(rng, self.sigma, shape.draws)}

    def images(self, images: Tensor, params: Params) -> Tensor:
        from kornia.filters import gaussian_blur2d  # slow to import, and --help does without it

        sigma = params["sigma"].expand(images.shape[:2]).reshape(-1, 1).expand(-1, 2)
        return gaussian_blur2d(images.flatten(0, 1), (self.side, self.side), sigma).view_as(images)


@dataclass(frozen=True)
class Sharpness(IntensityTransform):
    """Move an image away from its 3 x 3 smoothed version: factor 0 gives the smoothed one, 1 changes nothing.

    The factor is drawn from 0 to `most`, as kornia does with a single number.
    """

    most: float

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        return {"factor": uniform(rng, (0, self.most), shape.draws)}

    def images(self, images: Tensor, params: Params) -> Tensor:
        from kornia.enhance import sharpness  # slow to import, and --help does without it

        factor = params["factor"].expand(images.shape[:2]).flatten()
        return sharpness(images.flatten(0, 1), factor).view_as(images)


@dataclass(frozen=True)
class Noise(IntensityTransform):
    """Gaussian noise. A draw is its mean and its standard deviation; the noise itself differs in every image."""

    mean: tuple[float, float]
    variance: tuple[float, float]

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        return {
            "mean": uniform(rng, self.mean, shape.draws),
            "sd": np.sqrt(uniform(rng, self.variance, shape.draws)),
            "pixel_noise": rng.standard_normal((shape.entries, 1, *shape.size), np.float32),
        }

    def images(self, images: Tensor, params: Params) -> Tensor:
        return images + (_per_image(params["mean"]) + _per_image(params["sd"]) * params["pixel_noise"])


def _per_image(values: Tensor) -> Tensor:
    """Values (B, D) as (B, D, 1, 1, 1)."""
    return values[..., None, None, None]

"""How images look: inverted, brighter, flatter, softer, sharper, noisier. Masks stay as they are."""

from dataclasses import dataclass

import numpy as np
from kornia.enhance import sharpness
from kornia.filters import gaussian_blur2d
from torch import Tensor

from universeg.training.augment.draws import Extent, Numbers, Params, Tone, uniform


@dataclass(frozen=True)
class FlipIntensities(Tone):
    """White becomes black."""

    def images(self, images: Tensor, params: Params) -> Tensor:
        return 1 - images


@dataclass(frozen=True)
class BrightnessContrast(Tone):
    """Distances from the image's mean times the contrast, plus the brightness."""

    brightness: tuple[float, float]
    contrast: tuple[float, float]

    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        return {
            "brightness": uniform(rng, self.brightness, extent.draws),
            "contrast": uniform(rng, self.contrast, extent.draws),
        }

    def images(self, images: Tensor, params: Params) -> Tensor:
        mean = images.mean((-2, -1), keepdim=True)
        return (images - mean) * _per_image(params["contrast"]) + (mean + _per_image(params["brightness"]))


@dataclass(frozen=True)
class Blur(Tone):
    """A Gaussian blur of so many pixels, cut off at a kernel of `side` pixels."""

    side: int
    sigma: tuple[float, float]

    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        return {"sigma": uniform(rng, self.sigma, extent.draws)}

    def images(self, images: Tensor, params: Params) -> Tensor:
        sigma = params["sigma"].expand(images.shape[:2]).reshape(-1, 1).expand(-1, 2)
        return gaussian_blur2d(images.flatten(0, 1), (self.side, self.side), sigma).view_as(images)


@dataclass(frozen=True)
class Sharpness(Tone):
    """Moves an image away from its 3 x 3 smoothed self: 0 is smooth, 1 as it was, more is sharper.

    A single number is, as in kornia, the largest of the factors that are drawn.
    """

    most: float

    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        return {"factor": uniform(rng, (0, self.most), extent.draws)}

    def images(self, images: Tensor, params: Params) -> Tensor:
        factor = params["factor"].expand(images.shape[:2]).flatten()
        return sharpness(images.flatten(0, 1), factor).view_as(images)


@dataclass(frozen=True)
class Noise(Tone):
    """Gaussian noise. A draw is its mean and its strength; each image has grains of its own in any case."""

    mean: tuple[float, float]
    variance: tuple[float, float]

    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        return {
            "mean": uniform(rng, self.mean, extent.draws),
            "sd": np.sqrt(uniform(rng, self.variance, extent.draws)),
            "grains": rng.standard_normal((extent.entries, 1, *extent.size), np.float32),
        }

    def images(self, images: Tensor, params: Params) -> Tensor:
        return images + (_per_image(params["mean"]) + _per_image(params["sd"]) * params["grains"])


def _per_image(values: Tensor) -> Tensor:
    """(B, D) as (B, D, 1, 1, 1)."""
    return values[..., None, None, None]

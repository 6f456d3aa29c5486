"""Spatial transforms: flips, affine and elastic. Any number of them is applied in one resampling."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from universeg.training.augment.transform import EpisodeShape, Numbers, Params, SpatialTransform, uniform

LATTICE = 128  # elastic displacements are drawn for images of this side and stretched to other sizes
REACH = 5  # half width of a Gaussian kernel in standard deviations


@dataclass(frozen=True)
class Flip(SpatialTransform):
    """Mirror left to right or top to bottom; both are equally likely."""

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        return {
            "mirrored": rng.permuted(np.tile(np.array([-1, 1], np.float32), (shape.draws, 1)), axis=1)
        }  # of x and y

    def source_points(self, points: Tensor, params: Params) -> Tensor:
        return points * params["mirrored"][..., None, None]


@dataclass(frozen=True)
class Affine(SpatialTransform):
    """Scale and rotate about the centre, then shift; pixels from outside the image are 0."""

    degrees: tuple[float, float]
    translate: float  # largest shift along each axis, in both directions, as a fraction of the image size
    scale: tuple[float, float]  # above 1: larger

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        turn = np.deg2rad(rng.uniform(*self.degrees, shape.draws))
        zoom = rng.uniform(*self.scale, shape.draws)
        height, width = shape.size
        shift = rng.uniform(-self.translate, self.translate, (shape.draws, 2)) * (width, height)
        cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
        undo = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)
        return {"undo": undo.astype(np.float32), "shift": shift.astype(np.float32)}

    def source_points(self, points: Tensor, params: Params) -> Tensor:
        moved = points - params["shift"][..., None, None]
        return (params["undo"] @ moved.flatten(-2)).view_as(moved)


@dataclass(frozen=True)
class Elastic(SpatialTransform):
    """Displace each pixel by white noise from -1 to 1 that is blurred by sigma, times alpha half sides of the image.

    alpha and sigma mean the same in kornia. With alpha 2 and sigma 7 the root mean square of the displacements is 3
    pixels of 128. sigma is in pixels of an image of 128 x 128; for other sizes the displacements are stretched.
    """

    alpha: tuple[float, float]
    sigma: tuple[float, float]  # of the blur

    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        return {
            "alpha": uniform(rng, self.alpha, shape.draws),
            "sigma": uniform(rng, self.sigma, shape.draws),
            "noise": 2 * rng.random((shape.draws, 2, LATTICE, LATTICE), np.float32) - 1,  # of x and y
        }

    def source_points(self, points: Tensor, params: Params) -> Tensor:
        height, width = points.shape[-2:]
        blur = _blur(params["sigma"])[:, :, None]
        shift = blur @ params["noise"] @ blur  # the matrix is symmetric
        half = points.new_tensor([width / 2, height / 2])[:, None, None]
        if (height, width) != (LATTICE, LATTICE):
            stretched = interpolate(shift.flatten(0, 1), (height, width), mode="bilinear", align_corners=False)
            shift = stretched.view(*shift.shape[:3], height, width)
        return points + shift * params["alpha"][..., None, None, None] * half


def _blur(sigma: Tensor) -> Tensor:
    """Matrices (B, D, LATTICE, LATTICE) that blur with standard deviations (B, D); outside the image is 0."""
    away = torch.arange(1 - LATTICE, LATTICE, device=sigma.device) / sigma[..., None]
    # Without the cut, denormal numbers in the tails would make the product several times slower.
    kernel = torch.exp(-0.5 * away**2) * (away.abs() <= REACH)
    return (kernel / kernel.sum(-1, keepdim=True)).unfold(-1, LATTICE, 1).flip(-2)


def pixel_positions(size: tuple[int, int], like: Tensor) -> Tensor:
    """The position of each pixel, to the right and down from the centre of the image: (2, H, W)."""
    down, right = (torch.arange(n, device=like.device, dtype=like.dtype) - (n - 1) / 2 for n in size)
    return torch.stack(torch.meshgrid(right, down, indexing="xy"))


def sample(images: Tensor, masks: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Images and masks (B, E, 1, H, W) at points (B, 1 or E, 2, H, W); 0 outside the image.

    Images are interpolated linearly. Masks take the nearest pixel, which keeps the area of thin structures: linear
    interpolation with a threshold of 0.5 removes a fifth of the pixels of a diagonal line that is one pixel wide.
    """
    batch, entries, _, height, width = images.shape
    half = points.new_tensor([width / 2, height / 2])[:, None, None]
    grid = (points / half).expand(batch, entries, 2, height, width).flatten(0, 1).permute(0, 2, 3, 1)
    new_images, new_masks = (
        grid_sample(values.flatten(0, 1), grid, mode, padding_mode="zeros", align_corners=False).view_as(values)
        for values, mode in ((images, "bilinear"), (masks, "nearest"))
    )
    return new_images.clamp(0, 1), new_masks

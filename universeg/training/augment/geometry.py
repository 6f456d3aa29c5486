"""Where pixels come from: flips, affine maps, elastic warps; any number of them becomes one sampling."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from universeg.training.augment.draws import Extent, Numbers, Params, Warp, uniform

LATTICE = 128  # elastic warps are drawn for images of this side and stretched to others
REACH = 5  # a Gaussian kernel ends this many standard deviations out


@dataclass(frozen=True)
class Flip(Warp):
    """Left to right or top to bottom, equally likely."""

    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        return {
            "mirrored": rng.permuted(np.tile(np.array([-1, 1], np.float32), (extent.draws, 1)), axis=1)
        }  # of x and y

    def back(self, points: Tensor, params: Params) -> Tensor:
        return points * params["mirrored"][..., None, None]


@dataclass(frozen=True)
class Affine(Warp):
    """Zoom and turn about the centre, then shift; what comes from outside is 0."""

    degrees: tuple[float, float]
    translate: float  # largest shift along each axis, to either side, as a share of that side
    scale: tuple[float, float]  # more than 1 is larger

    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        turn = np.deg2rad(rng.uniform(*self.degrees, extent.draws))
        zoom = rng.uniform(*self.scale, extent.draws)
        height, width = extent.size
        shift = rng.uniform(-self.translate, self.translate, (extent.draws, 2)) * (width, height)
        cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
        undo = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)
        return {"undo": undo.astype(np.float32), "shift": shift.astype(np.float32)}

    def back(self, points: Tensor, params: Params) -> Tensor:
        moved = points - params["shift"][..., None, None]
        return (params["undo"] @ moved.flatten(-2)).view_as(moved)


@dataclass(frozen=True)
class Elastic(Warp):
    """Each pixel displaced by white noise from -1 to 1, blurred, times alpha half sides of the image.

    This is what alpha and sigma mean in kornia: with alpha 2 and sigma 7 a displacement is 3 pixels of 128 in the
    root mean square. Lengths are pixels of an image of 128 a side; on other sizes the same warp is stretched.
    """

    alpha: tuple[float, float]
    sigma: tuple[float, float]  # of the blur

    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        return {
            "alpha": uniform(rng, self.alpha, extent.draws),
            "sigma": uniform(rng, self.sigma, extent.draws),
            "noise": 2 * rng.random((extent.draws, 2, LATTICE, LATTICE), np.float32) - 1,  # of x and y
        }

    def back(self, points: Tensor, params: Params) -> Tensor:
        height, width = points.shape[-2:]
        blur = _blur(params["sigma"])[:, :, None]
        shift = blur @ params["noise"] @ blur  # the matrix is symmetric
        half = points.new_tensor([width / 2, height / 2])[:, None, None]
        if (height, width) != (LATTICE, LATTICE):
            stretched = interpolate(shift.flatten(0, 1), (height, width), mode="bilinear", align_corners=False)
            shift = stretched.view(*shift.shape[:3], height, width)
        return points + shift * params["alpha"][..., None, None, None] * half


def _blur(sigma: Tensor) -> Tensor:
    """Matrices (B, D, LATTICE, LATTICE) of Gaussian blurs of sd (B, D); outside counts as 0."""
    away = torch.arange(1 - LATTICE, LATTICE, device=sigma.device) / sigma[..., None]
    # Cut off: numbers too small for float32's exponent make a product several times slower.
    kernel = torch.exp(-0.5 * away**2) * (away.abs() <= REACH)
    return (kernel / kernel.sum(-1, keepdim=True)).unfold(-1, LATTICE, 1).flip(-2)


def pixels(size: tuple[int, int], like: Tensor) -> Tensor:
    """The place of each pixel, right and down from the centre of the image: (2, H, W)."""
    down, right = (torch.arange(n, device=like.device, dtype=like.dtype) - (n - 1) / 2 for n in size)
    return torch.stack(torch.meshgrid(right, down, indexing="xy"))


def sampled(images: Tensor, masks: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Images and masks (B, E, 1, H, W) at points (B, 1 or E, 2, H, W), outside 0.

    Images are linear between pixels. Masks take the nearest pixel, which keeps the area of thin structures: a diagonal
    line one pixel wide, interpolated and cut at one half, would lose a fifth of its pixels and break.
    """
    batch, entries, _, height, width = images.shape
    half = points.new_tensor([width / 2, height / 2])[:, None, None]
    grid = (points / half).expand(batch, entries, 2, height, width).flatten(0, 1).permute(0, 2, 3, 1)
    moved, labels = (
        grid_sample(values.flatten(0, 1), grid, mode, padding_mode="zeros", align_corners=False).view_as(values)
        for values, mode in ((images, "bilinear"), (masks, "nearest"))
    )
    return moved.clamp(0, 1), labels

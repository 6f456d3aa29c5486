"""From shapes on the canvas to labels of a task at its size."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.synth.task import Pixels

Counts = NDArray[np.int64]


def coverage(maps: Tensor, shapes: int, size: int) -> tuple[Pixels, Counts]:
    """Coverage (shapes, B, size, size) of maps (B, H, H) uint8, and canvas pixels (shapes, B) of each shape.

    The same as standardise.resample.Grid makes of each shape's mask, but counted for all shapes at once. H must be a
    multiple of `size`.
    """
    batch, side = maps.shape[0], maps.shape[-1]
    ratio = side // size
    line = torch.arange(side, device=maps.device, dtype=torch.int32) // ratio
    image = torch.arange(batch, device=maps.device, dtype=torch.int32)[:, None, None]
    at = ((maps.int() * batch + image) * size + line[:, None]) * size + line
    inside = torch.bincount(at.flatten(), minlength=shapes * batch * size * size)
    inside = inside.view(shapes, batch, size, size)
    pixels = (inside * (255 / ratio**2)).round().byte()
    return pixels.cpu().numpy(), inside.sum((2, 3)).cpu().numpy()


def named(shape: int) -> str:
    return f"shape {shape + 1:02d}"


def kept(
    masks: Pixels, shares: NDArray[np.float64], least_area: float
) -> tuple[Mapping[str, Pixels], Mapping[str, str]]:
    """Masks (shapes, S, size, size) that are large enough in every subject, and why the others are no labels.

    `shares` (shapes, S) is each shape's share of the canvas. The driver skips the shape after one that it drops; here
    every shape is checked.
    """
    least = shares.min(1)
    large = {named(k): masks[k] for k in range(len(masks)) if least[k] >= least_area}
    small = {named(k): _too_small(least[k]) for k in range(len(masks)) if least[k] < least_area}
    return large, small


def _too_small(share: float) -> str:
    return f"covers only {share:.3%} of some subject's image: too small for a task"

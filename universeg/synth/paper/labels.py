"""The labels: masks of the shapes at the size of the task."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.synth.task import Pixels


def coverage(maps: Tensor, shapes: int, size: int) -> tuple[Tensor, Tensor]:
    """Coverage (shapes, B, size, size), 0..255, of shape maps (B, H, H) uint8, and each shape's area (shapes, B).

    Areas are in pixels of the canvas. H must be a multiple of `size`. The coverage equals that of
    standardise.resample.Grid for each shape's mask, but counting all shapes at once is faster.
    """
    batch, side = maps.shape[0], maps.shape[-1]
    ratio = side // size
    line = torch.arange(side, device=maps.device, dtype=torch.int32) // ratio
    image = torch.arange(batch, device=maps.device, dtype=torch.int32)[:, None, None]
    at = ((maps.int() * batch + image) * size + line[:, None]) * size + line
    inside = torch.bincount(at.flatten(), minlength=shapes * batch * size * size)
    inside = inside.view(shapes, batch, size, size)
    pixels = (inside * (255 / ratio**2)).round().byte()
    return pixels, inside.sum((2, 3))


def shape_name(shape: int) -> str:
    """The name of a shape; shapes count from 0, names from 1."""
    return f"shape {shape + 1:02d}"


def labels_by_area(
    masks: Pixels, areas: NDArray[np.float64], min_area: float
) -> tuple[Mapping[str, Pixels], Mapping[str, str]]:
    """The masks, by name, of shapes that are large enough in every subject; and for the others the reason.

    Masks are (shapes, S, size, size); `areas` (shapes, S) are fractions of the canvas. The driver does not check the
    shape after one that it drops; here every shape is checked.
    """
    smallest = areas.min(1)
    large = {shape_name(k): masks[k] for k in range(len(masks)) if smallest[k] >= min_area}
    small = {shape_name(k): _too_small(smallest[k]) for k in range(len(masks)) if smallest[k] < min_area}
    return large, small


def _too_small(area: float) -> str:
    return f"too small for a task: covers only {area:.3%} of the image in one subject"

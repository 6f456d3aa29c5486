"""Sample images where a displacement points. A displacement is (B, 2, H, W) in pixels: right, then down."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad


def warped(images: Tensor, displacement: Tensor) -> Tensor:
    """Images (B, C, H, W) at each pixel plus its displacement, linear between pixels; outside, the nearest edge."""
    height, width = images.shape[-2:]
    corner = torch.tensor([width - 1, height - 1], device=images.device)[:, None, None]
    # grid_sample counts from -1 at the first pixel to 1 at the last
    at = _places(displacement) * (2 / corner) - 1
    return grid_sample(images, at.permute(0, 2, 3, 1), padding_mode="border", align_corners=True)


def nearest(labels: Tensor, displacement: Tensor) -> Tensor:
    """A map (H, W) at the pixel nearest to each pixel plus its displacement: (B, H, W); outside it is 0."""
    height, width = labels.shape
    framed = pad(labels, (1, 1, 1, 1))
    column, row = (_places(displacement) + 1).round().unbind(1)
    # whole numbers stay exact in float32 up to a canvas of 4094 pixels
    at = (row.clamp(0, height + 1) * (width + 2) + column.clamp(0, width + 1)).int()
    return framed.flatten().index_select(0, at.flatten()).view(at.shape)


def _places(displacement: Tensor) -> Tensor:
    """Where each pixel's displacement ends."""
    height, width = displacement.shape[-2:]
    row, column = (torch.arange(n, device=displacement.device, dtype=torch.float32) for n in (height, width))
    return displacement + torch.stack(torch.meshgrid(column, row, indexing="xy"))

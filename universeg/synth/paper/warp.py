"""Resample images and label maps along a displacement (B, 2, H, W), in pixels: first to the right, then down."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad


def warped(images: Tensor, displacement: Tensor) -> Tensor:
    """Images (B, C, H, W), interpolated linearly at each pixel plus its displacement; outside, the border repeats."""
    height, width = images.shape[-2:]
    corner = torch.tensor([width - 1, height - 1], device=images.device)[:, None, None]
    # for grid_sample the first pixel is at -1 and the last at 1
    at = _targets(displacement) * (2 / corner) - 1
    return grid_sample(images, at.permute(0, 2, 3, 1), padding_mode="border", align_corners=True)


def warped_labels(labels: Tensor, displacement: Tensor) -> Tensor:
    """Maps (B, H, W): the label map at the pixel nearest to each pixel plus its displacement; outside, 0.

    Label maps are (T, H, W). Each is that of the next B / T displacements.
    """
    height, width = labels.shape[-2:]
    framed = pad(labels, (1, 1, 1, 1))
    column, row = (_targets(displacement) + 1).round().unbind(1)
    # float32 holds these indices of one map exactly up to a canvas of 4094 pixels
    at = (row.clamp(0, height + 1) * (width + 2) + column.clamp(0, width + 1)).int()
    if len(labels) > 1:
        of = torch.arange(len(labels), device=at.device, dtype=at.dtype) * framed[0].numel()
        at = at + of.repeat_interleave(len(at) // len(labels))[:, None, None]
    return framed.flatten().index_select(0, at.flatten()).view(at.shape)


def _targets(displacement: Tensor) -> Tensor:
    """Position (B, 2, H, W) of each pixel plus its displacement."""
    height, width = displacement.shape[-2:]
    row, column = (torch.arange(n, device=displacement.device, dtype=torch.float32) for n in (height, width))
    return displacement + torch.stack(torch.meshgrid(column, row, indexing="xy"))

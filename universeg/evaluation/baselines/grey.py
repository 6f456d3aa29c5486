"""Baseline: how often support pixels of the same intensity are in the mask. It ignores positions."""

import torch
from torch import Tensor, nn

from universeg.evaluation.baselines.logits import logits

BINS = 32  # of the intensity histogram


class Grey(nn.Module):
    """The probability of a pixel is the fraction of support pixels in its intensity bin that are in a mask."""

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        support, query = (
            (pixels * BINS).long().clamp(0, BINS - 1).flatten(1) for pixels in (support_images, target_image)
        )
        zeros = torch.zeros(len(target_image), BINS, device=target_image.device)
        inside = zeros.scatter_add(1, support, support_labels.flatten(1).to(zeros.dtype))
        count = zeros.scatter_add(1, support, torch.ones_like(support, dtype=zeros.dtype))
        return logits((inside / count.clamp(min=1)).gather(1, query).view_as(target_image))

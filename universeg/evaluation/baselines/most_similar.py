"""Baseline: the mask of the support image that is most similar to the query."""

import torch
from torch import Tensor, nn

from universeg.evaluation.baselines.logits import logits


class MostSimilar(nn.Module):
    """The mask of the support image that has the highest correlation with the query."""

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        correlation = (_standardised(target_image[:, None]) * _standardised(support_images)).sum(dim=-1)  # (B, N)
        items = torch.arange(len(support_labels), device=support_labels.device)
        return logits(support_labels[items, correlation.argmax(dim=1)])


def _standardised(images: Tensor) -> Tensor:
    """Images (B, N, 1, H, W) as vectors (B, N, H * W) of mean 0 and length 1."""
    vectors = images.flatten(2)
    return nn.functional.normalize(vectors - vectors.mean(dim=-1, keepdim=True), dim=-1)

"""What needs no training, called like the network: what its Dice must be held against."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from universeg.model import load_model

GREYS = 32  # steps of intensity that `Grey` tells apart
SURE = 1e-4  # probabilities are kept this far from 0 and 1, whose logits are infinite


class MeanMask(nn.Module):
    """Each pixel is inside as often as it is in the support's masks; the images are not looked at."""

    def forward(self, query: Tensor, images: Tensor, masks: Tensor) -> Tensor:
        return masks.mean(dim=1).logit(SURE)


class MostSimilar(nn.Module):
    """The mask of the support image that correlates best with the query."""

    def forward(self, query: Tensor, images: Tensor, masks: Tensor) -> Tensor:
        likeness = (_standard(query[:, None]) * _standard(images)).sum(dim=-1)  # (B, N)
        return masks[torch.arange(len(masks), device=masks.device), likeness.argmax(dim=1)].logit(SURE)


class Grey(nn.Module):
    """Each pixel is inside as often as support pixels of its intensity are; where they lie is not looked at."""

    def forward(self, query: Tensor, images: Tensor, masks: Tensor) -> Tensor:
        steps, asked = ((pixels * GREYS).long().clamp(0, GREYS - 1).flatten(1) for pixels in (images, query))
        none = torch.zeros(len(query), GREYS, device=query.device)
        inside = none.scatter_add(1, steps, masks.flatten(1).to(none.dtype))
        count = none.scatter_add(1, steps, torch.ones_like(steps, dtype=none.dtype))
        return (inside / count.clamp(min=1)).gather(1, asked).view_as(query).logit(SURE)


BASELINES: Mapping[str, type[nn.Module]] = {"mean-mask": MeanMask, "most-similar": MostSimilar, "grey": Grey}


def segmenter(weights: Path) -> nn.Module:
    """The baseline of that name, or else the network in that file."""
    baseline = BASELINES.get(str(weights))
    return baseline() if baseline else load_model(weights)


def _standard(images: Tensor) -> Tensor:
    """Images as vectors (B, N, H * W) of mean 0 and length 1."""
    vectors = images.flatten(2)
    return nn.functional.normalize(vectors - vectors.mean(dim=-1, keepdim=True), dim=-1)

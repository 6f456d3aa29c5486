"""Show the network only the support images that are most similar to the query."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from universeg.episodes.levers.resize import resize_images

SIDE = 32  # pixels per side at which images are compared


class MostSimilarSupport(nn.Module):
    """A network with the `count` support images that correlate best with the query, the most similar first.

    If none of them has any foreground, the most similar image with foreground takes the last place.
    """

    def __init__(self, model: nn.Module, count: int) -> None:
        super().__init__()
        self.model, self.count = model, count

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        if support_images.shape[1] <= self.count:
            return cast(Tensor, self.model(target_image, support_images, support_labels))
        order = similarity(target_image, support_images).argsort(dim=1, descending=True, stable=True)
        marked = support_labels.flatten(2).any(2)
        kept = torch.stack(
            [_with_foreground(row, marks[row], self.count) for row, marks in zip(order, marked, strict=True)]
        )
        items = torch.arange(len(kept), device=kept.device)[:, None]
        return cast(Tensor, self.model(target_image, support_images[items, kept], support_labels[items, kept]))


def similarity(query: Tensor, support: Tensor) -> Tensor:
    """The correlation of a query (B, 1, H, W) with each support image (B, N, 1, H, W): (B, N)."""
    side = min(SIDE, query.shape[-1])
    vectors = [resize_images(images, side).flatten(2) for images in (query[:, None], support)]
    one, many = (normalize(vector - vector.mean(-1, keepdim=True), dim=-1) for vector in vectors)
    return (one * many).sum(-1)


def _with_foreground(order: Tensor, marked: Tensor, count: int) -> Tensor:
    """The first `count` indices; the last is replaced if none of them is marked but a later one is."""
    chosen = order[:count]
    if marked[:count].any() or not marked.any():
        return chosen
    return torch.cat([chosen[:-1], order[marked][:1]])

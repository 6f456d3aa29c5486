"""Segment a large image in overlapping tiles, so that thin structures keep their width."""

from itertools import product

import torch
from torch import Tensor, nn

from universeg.episodes.levers.averages import to_logits


class Tiled(nn.Module):
    """The mean of two probabilities: of the whole image, and of tiles of `size` pixels that overlap by half.

    For each tile, the support set is the same tile of all support images that have foreground there. Tiles without
    such a support image take the probability of the whole image alone. `whole` segments the whole image, `model` the
    tiles.
    """

    def __init__(self, whole: nn.Module, model: nn.Module, size: int) -> None:
        super().__init__()
        self.whole, self.model, self.size = whole, model, size

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        first: Tensor = self.whole(target_image, support_images, support_labels)
        height, width = target_image.shape[-2:]
        if min(height, width) <= self.size:
            return first
        rows = zip(
            *(torch.split(pixels, 1) for pixels in (first, target_image, support_images, support_labels)), strict=True
        )
        return torch.cat([self._tiled(*row) for row in rows])

    def _tiled(self, first: Tensor, query: Tensor, images: Tensor, masks: Tensor) -> Tensor:
        """The final logits of one query (1, 1, H, W)."""
        window = torch.hann_window(self.size, periodic=False, device=query.device).clamp(min=0.01)
        weight = window[:, None] * window
        total, sums = torch.zeros_like(first), torch.zeros_like(first)
        for top, left in product(_starts(query.shape[-2], self.size), _starts(query.shape[-1], self.size)):
            part = ..., slice(top, top + self.size), slice(left, left + self.size)
            marked = masks[part].flatten(2).any(2)[0]
            if marked.any():
                logits = self.model(query[part], images[part][:, marked], masks[part][:, marked])
                sums[part] += weight * logits.float().sigmoid()
                total[part] += weight
        whole = first.float().sigmoid()
        tiled = torch.where(total > 0, sums / total.clamp(min=1e-9), whole)
        return to_logits((whole + tiled) / 2)


def _starts(length: int, size: int) -> list[int]:
    """The first pixel of each tile: steps of half a tile, and a last tile that ends with the image."""
    return sorted({*range(0, length - size, size // 2), length - size})

"""Segment twice: the whole image, then a crop around the first prediction, in which the structure is larger."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from universeg.base.rng import rng_for
from universeg.episodes.levers.averages import to_logits
from universeg.episodes.levers.components import largest_component
from universeg.episodes.levers.resize import resize_images, resize_masks

MARGIN = 2.5  # side of the crop, in extents of the structure
PERCENTILE = 90  # of the extents in the support set
LEAST_SHARE, MOST_SHARE = 0.25, 0.75  # of the image's side: limits of the crop's side
JITTER = 0.06  # of the crop's side: the structure is not exactly in the middle of every support crop


@dataclass(frozen=True)
class Box:
    """A square part of an image, in pixels."""

    top: int
    left: int
    side: int

    def of(self, pixels: Tensor) -> Tensor:
        """This part of pixels (..., H, W)."""
        return pixels[..., self.top : self.top + self.side, self.left : self.left + self.side]

    @classmethod
    def around(cls, centre: tuple[float, float], side: int, shape: tuple[int, int]) -> "Box":
        """The box with a centre (row, column), moved into an image of height and width `shape`."""
        top, left = (
            int(np.clip(round(middle - side / 2), 0, length - side))
            for middle, length in zip(centre, shape, strict=True)
        )
        return cls(top, left, side)


class Refined(nn.Module):
    """The mean of two probabilities: of the whole image, and of a crop around the first prediction.

    `size` is the side in pixels to which crops are resized; 0 means that of the image. The crops are cut from the
    images as they are given, so an image that is larger than `size` shows more detail in the second pass. Support
    images are cropped around their masks. If the structure fills the image, or the first prediction is empty, there is
    no second pass. `model` must accept images of any size (see `Resized`).
    """

    def __init__(self, model: nn.Module, size: int = 0) -> None:
        super().__init__()
        self.model, self.size = model, size

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        first = self.model(target_image, support_images, support_labels)
        rows = zip(
            *(torch.split(pixels, 1) for pixels in (first, target_image, support_images, support_labels)), strict=True
        )
        return torch.cat([self._second(*row) for row in rows])

    def _second(self, logits: Tensor, query: Tensor, images: Tensor, masks: Tensor) -> Tensor:
        """The final logits of one query (1, 1, H, W)."""
        height, width = query.shape[-2:]
        boxes = _support_boxes(masks[0, :, 0])
        found = extent(largest_component(logits[0, 0] > 0))
        if boxes is None or found is None:
            return logits
        rows, columns = found
        box = Box.around((sum(rows) / 2, sum(columns) / 2), boxes[0].side, (height, width))
        size = self.size or width
        crops, crop_masks = (
            torch.cat([resize(each.of(pixels[:, [number]]), size) for number, each in enumerate(boxes)], 1)
            for pixels, resize in ((images, resize_images), (masks, resize_masks))
        )
        second = self.model(resize_images(box.of(query), size), crops, crop_masks)
        result = logits.float().sigmoid().clone()
        box.of(result).add_(resize_images(second.float(), box.side).sigmoid()).div_(2)
        return to_logits(result)


def _support_boxes(masks: Tensor) -> list[Box] | None:
    """The crop of each support image, by its mask (N, H, W); None if there is no useful crop.

    An image without the structure is cropped where the structure is in another one.
    """
    shape = masks.shape[-2], masks.shape[-1]
    extents = [extent(mask > 0) for mask in masks]
    present = [each for each in extents if each]
    if not present:
        return None
    lengths = [max(last - first for first, last in each) for each in present]
    length = float(np.percentile(lengths, PERCENTILE)) / min(shape)
    if length > MOST_SHARE:
        return None
    side = round(min(max(MARGIN * length, LEAST_SHARE), MOST_SHARE) * min(shape))
    rng, boxes = rng_for("refine"), list[Box]()
    for number, each in enumerate(extents):
        (top, bottom), (left, right) = each or present[number % len(present)]
        down, right_by = JITTER * side * rng.standard_normal(2)
        boxes.append(Box.around(((top + bottom) / 2 + down, (left + right) / 2 + right_by), side, shape))
    return boxes


def extent(mask: Tensor) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """First row and end row, first column and end column of a mask (H, W); None if it is empty."""
    if not mask.any():
        return None
    (rows,), (columns,) = (torch.nonzero(mask.any(axis), as_tuple=True) for axis in (1, 0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)

"""Transforms of labels: swap background and foreground, replace areas by their edges."""

from dataclasses import dataclass

from torch import Tensor

from universeg.training.augment.transform import LabelTransform, Params


@dataclass(frozen=True)
class FlipLabels(LabelTransform):
    """Swap foreground and background."""

    def masks(self, masks: Tensor, params: Params) -> Tensor:
        return 1 - masks


@dataclass(frozen=True)
class SobelEdge(LabelTransform):
    """The edge of the mask, two pixels wide: where its Sobel gradient is not 0. The image border is not an edge."""

    def masks(self, masks: Tensor, params: Params) -> Tensor:
        from kornia.filters import spatial_gradient  # slow to import, and --help does without it

        gradient = spatial_gradient(masks.flatten(0, 1), "sobel", normalized=False)  # whole numbers, x and y
        squared = gradient.square().sum(2).view_as(masks)
        return (squared > 0.5).to(masks.dtype)

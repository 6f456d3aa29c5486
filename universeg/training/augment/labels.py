"""What is asked for: the background in place of the foreground, edges in place of areas."""

from dataclasses import dataclass

from kornia.filters import spatial_gradient
from torch import Tensor

from universeg.training.augment.draws import Params, Relabel


@dataclass(frozen=True)
class FlipLabels(Relabel):
    """Foreground and background change places."""

    def masks(self, masks: Tensor, params: Params) -> Tensor:
        return 1 - masks


@dataclass(frozen=True)
class SobelEdge(Relabel):
    """The edge of the mask: where its Sobel gradient is not 0, two pixels wide; the frame of the image is no edge."""

    def masks(self, masks: Tensor, params: Params) -> Tensor:
        gradient = spatial_gradient(masks.flatten(0, 1), "sobel", normalized=False)  # whole numbers, x and y
        squared = gradient.square().sum(2).view_as(masks)
        return (squared > 0.5).to(masks.dtype)

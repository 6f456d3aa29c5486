"""PANet: few-shot segmentation by prototypes that are aligned between query and support (Wang et al., ICCV 2019).

The mean feature of the structure, and that of the background, are the prototypes. A pixel of the query belongs to the
structure as far as its feature has the smaller angle to the structure's prototype.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from universeg.model.baselines.base import BaselineConfig, BaselineNetwork, fetch_weights, initialise
from universeg.model.baselines.trunks import STRIDE, Vgg16, by_item, trunk_features
from universeg.model.shapes import check_shapes

SCALE = 20.0  # of a cosine, to a score for the softmax
EPSILON = 1e-5  # of a pixel: the prototype of an empty mask is zero
# Appendix B of the UniverSeg paper says ResNet-101, but its Table 1 has 14.71 M parameters: the convolutions of VGG-16.
ADDRESS = "https://download.pytorch.org/models/vgg16-397923af.pth"


class PANet(BaselineNetwork):
    """PANet with the trunk VGG-16, which has all of its 14,714,688 parameters."""

    name, multiple = "panet", STRIDE

    def __init__(self, config: BaselineConfig | None = None, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.trunk = Vgg16()
        initialise(self, self.name, seed)

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        check_shapes(target_image, support_images, support_labels, self.multiple)
        query, support = trunk_features(self.trunk, target_image, support_images)
        return enlarged_logits(scores(query, prototypes(support, support_labels)), target_image)

    def learning_step(self, query: Tensor, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        of_query, support = trunk_features(self.trunk, query, images)
        found = scores(of_query, prototypes(support, masks))
        loss = self.config.alignment * alignment_loss(of_query, found, support, masks) if self.config.alignment else 0
        return enlarged_logits(found, query), query.new_zeros(len(query)) + loss

    def load_pretrained(self) -> None:
        fetch_weights(self.trunk, ADDRESS)


def prototypes(support: Tensor, masks: Tensor) -> Tensor:
    """The prototypes of background and structure (B, 2, C): features averaged over each mask, then over the entries.

    Features are (B, N, C, h, w), masks (B, N, 1, H, W). As in PANet, features are enlarged to the size of the masks;
    this computes the same sum from the transposed enlargement of the masks, which needs far less memory.
    """
    rows, columns = (
        functional.interpolate(torch.eye(small, device=masks.device)[None], size=large, mode="linear")[0]
        for small, large in zip(support.shape[-2:], masks.shape[-2:], strict=True)
    )
    both = torch.cat([1 - masks, masks], dim=2)
    weights = (rows @ both @ columns.T) / (both.sum(dim=(-2, -1), keepdim=True) + EPSILON)
    return torch.einsum("nkchw,nkmhw->nmc", support.float(), weights) / masks.shape[1]


def scores(features: Tensor, prototype: Tensor) -> Tensor:
    """Scaled cosines (B, 2, h, w) of features (B, C, h, w) with both prototypes (B, 2, C)."""
    unit, other = functional.normalize(features.float(), dim=1), functional.normalize(prototype, dim=2)
    return SCALE * torch.einsum("nchw,nmc->nmhw", unit, other)


def enlarged_logits(found: Tensor, image: Tensor) -> Tensor:
    """Scores of background and structure (B, 2, h, w) as logits of the structure (B, 1, H, W).

    The sigmoid of the logit is the softmax over both scores.
    """
    logits = found[:, 1:] - found[:, :1]
    return functional.interpolate(logits, size=image.shape[-2:], mode="bilinear")


def alignment_loss(query: Tensor, found: Tensor, support: Tensor, masks: Tensor) -> Tensor:
    """PANet's second loss (B,): cross-entropy of the support masks, segmented with prototypes of the prediction.

    Query features are (B, C, h, w), its scores (B, 2, h, w), support features (B, N, C, h, w), masks (B, N, 1, H, W).
    An item whose prediction is empty has the loss 0, as in PANet.
    """
    inside = (found[:, 1:] > found[:, :1]).to(query.dtype)
    back = prototypes(query[:, None], inside[:, None])
    entries = support.shape[1]
    of_support = scores(support.flatten(0, 1), back.repeat_interleave(entries, 0))
    loss = by_item(segmentation_loss(of_support, masks.flatten(0, 1)), len(query)).mean(1)
    return loss * (inside.flatten(1).sum(1) > 0)


def segmentation_loss(found: Tensor, masks: Tensor) -> Tensor:
    """The mean cross-entropy of each item (B,): scores (B, 2, h, w) against masks (B, 1, H, W)."""
    logits = enlarged_logits(found, masks)
    return nn.functional.binary_cross_entropy_with_logits(logits, masks, reduction="none").flatten(1).mean(1)

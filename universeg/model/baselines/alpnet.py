"""ALPNet: few-shot segmentation with a prototype for each part of the image (Ouyang et al., ECCV 2020).

Where PANet has one prototype for the structure and one for the background, ALPNet has one for each small window of a
support image that lies in the mask. Its superpixels, which replace labels for training, are not used: there are labels.
"""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from universeg.model.baselines.base import BaselineConfig, BaselineNetwork, fetch_weights, initialise
from universeg.model.baselines.panet import EPSILON, SCALE, enlarged_logits, segmentation_loss
from universeg.model.baselines.trunks import STRIDE, ResNet101, by_item, trunk_features
from universeg.model.shapes import check_shapes

FEATURES = 256
WINDOW = 2  # pixels of the features per side of a window; the official code has this for 16 x 16 features
INSIDE = 0.95  # a window belongs to a mask if more than this part of it is inside
SHORTEST = 1e-4  # vectors are divided by their length, and by no less than this
ADDRESS = "https://download.pytorch.org/models/deeplabv3_resnet101_coco-586e9e4e.pth"


class ALPNet(BaselineNetwork):
    """ALPNet with the trunk of torchvision's DeepLabV3, ResNet-101, and a 1 x 1 convolution to 256 features.

    Together they have 43,024,448 parameters.
    """

    name, multiple = "alpnet", STRIDE * WINDOW

    def __init__(self, config: BaselineConfig | None = None, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.trunk = ResNet101()
        self.reduce = nn.Conv2d(2048, FEATURES, 1, bias=False)
        initialise(self, self.name, seed)

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        check_shapes(target_image, support_images, support_labels, self.multiple)
        query, support = self._features(target_image, support_images)
        return enlarged_logits(local_scores(query, support, at_size_of(support, support_labels)), target_image)

    def learning_step(self, query: Tensor, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        of_query, support = self._features(query, images)
        found = local_scores(of_query, support, at_size_of(support, masks))
        weight = self.config.alignment
        loss = weight * alignment_loss(of_query, found, support, masks) if weight else 0
        return enlarged_logits(found, query), query.new_zeros(len(query)) + loss

    def load_pretrained(self) -> None:
        fetch_weights(self.trunk, ADDRESS, "backbone.")

    def _features(self, query: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        found, support = trunk_features(self.trunk, query, images)
        return self.reduce(found).float(), by_item(self.reduce(support.flatten(0, 1)), len(query)).float()


def at_size_of(features: Tensor, masks: Tensor) -> Tensor:
    """Masks (B, N, 1, H, W) interpolated to the size of features (B, N, C, h, w)."""
    small = functional.interpolate(masks.flatten(0, 1), size=features.shape[-2:], mode="bilinear")
    return by_item(small, len(masks))


def local_scores(query: Tensor, support: Tensor, masks: Tensor) -> Tensor:
    """The scores of background and structure (B, 2, h, w) of query features (B, C, h, w).

    Support features are (B, N, C, h, w), their masks (B, N, 1, h, w). The structure has a prototype for each window
    inside its mask, and one for the whole mask of each entry; if there is no such window, it has only the mean of the
    latter. The background has those of its windows, or else that mean.
    """
    outside, inside = _candidates(support, 1 - masks), _candidates(support, masks)
    return torch.cat([_score(query, *outside, whole=False), _score(query, *inside, whole=True)], dim=1)


def _candidates(support: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Prototypes of all windows (B, P, C), whether each is inside (B, P), and one of each entry's mask (B, N, C)."""
    both = torch.cat([support, masks], dim=2)
    pooled = by_item(functional.avg_pool2d(both.flatten(0, 1), WINDOW), len(support))
    windows = rearrange(pooled, "b n c h w -> b (n h w) c")
    total = masks.sum(dim=(-2, -1)) + EPSILON
    return windows[..., :-1], windows[..., -1] > INSIDE, (support * masks).sum(dim=(-2, -1)) / total


def _score(query: Tensor, local: Tensor, inside: Tensor, entries: Tensor, whole: bool) -> Tensor:
    """The score (B, 1, h, w): scaled cosines with all prototypes, averaged with their own softmax as weights.

    `whole`: the prototypes of whole masks are used beside those of windows, not only in their place.
    """
    some = inside.any(1, keepdim=True)
    used = torch.cat([inside, (some & whole).expand(entries.shape[:2]), ~some], dim=1)
    candidates = torch.cat([local, entries, entries.mean(1, keepdim=True)], dim=1)
    cosines = SCALE * torch.einsum("nchw,npc->nphw", _unit(query, 1), _unit(candidates, 2))
    weights = cosines.masked_fill(~used[..., None, None], -torch.inf).softmax(1)
    return (weights * cosines).sum(1, keepdim=True)


def _unit(vectors: Tensor, dim: int) -> Tensor:
    return functional.normalize(vectors, dim=dim, eps=SHORTEST)


def alignment_loss(query: Tensor, found: Tensor, support: Tensor, masks: Tensor) -> Tensor:
    """The second loss (B,): cross-entropy of the support masks, segmented with the query and its predicted mask.

    Query features are (B, C, h, w), its scores (B, 2, h, w), support features (B, N, C, h, w), masks (B, N, 1, H, W).
    """
    entries = support.shape[1]
    inside = (found[:, 1:] > found[:, :1]).to(query.dtype)
    pair = (each.repeat_interleave(entries, 0)[:, None] for each in (query, inside))
    loss = segmentation_loss(local_scores(support.flatten(0, 1), *pair), masks.flatten(0, 1))
    return by_item(loss, len(query)).mean(1)

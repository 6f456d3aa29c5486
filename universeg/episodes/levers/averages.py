"""Average several predictions of one query: mirrored images, and several draws of the support set."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from universeg.base.rng import rng_for

FINITE = 1e-6  # probabilities are kept this far from 0 and 1, whose logits are infinite


class Flipped(nn.Module):
    """The mean probability over four views: all images as they are, mirrored along each axis, and along both."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        mirrored = list[Tensor]()
        for axes in ((), (-1,), (-2,), (-2, -1)):
            logits = self.model(*(pixels.flip(axes) for pixels in (target_image, support_images, support_labels)))
            mirrored.append(logits.flip(axes))
        return mean_logits(mirrored)


class Ensemble(nn.Module):
    """The mean probability of `members` predictions, each with as many support pairs drawn with replacement.

    The draws depend on the seed and the number of pairs alone. A draw without any foreground is not used, unless all
    are.
    """

    def __init__(self, model: nn.Module, members: int, seed: int = 0) -> None:
        super().__init__()
        self.model, self.members, self.seed = model, members, seed

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        draws = list(self._draws(support_labels))
        return mean_logits([self.model(target_image, support_images[:, d], support_labels[:, d]) for d in draws])

    def _draws(self, masks: Tensor) -> Iterator[Tensor]:
        count, everything = masks.shape[1], torch.arange(masks.shape[1], device=masks.device)
        found = False
        for member in range(self.members):
            rng = rng_for("ensemble", self.seed, member, count)
            drawn = torch.from_numpy(rng.integers(count, size=count)).to(masks.device)
            if masks[:, drawn].flatten(1).any(1).all():
                found = True
                yield drawn
        if not found:
            yield everything


def mean_logits(logits: Sequence[Tensor]) -> Tensor:
    """The logits of the mean probability."""
    return to_logits(torch.stack([each.float().sigmoid() for each in logits]).mean(0))


def to_logits(probability: Tensor) -> Tensor:
    """The logits of probabilities in [0, 1], all finite."""
    return probability.logit(FINITE)

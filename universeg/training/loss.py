"""The loss of training: soft Dice, and optionally binary cross-entropy."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

EPSILON = 1e-3  # of a pixel


def soft_dice_loss(logits: Tensor, ground_truth: Tensor) -> Tensor:
    """1 - soft Dice of each item, in [0, 1): logits and ground truth (0 or 1) (B, 1, H, W) -> (B,) float32.

    The denominator has squares (paper, eq. 4). EPSILON is added to numerator and denominator, so that an empty
    prediction of an empty ground truth has loss 0. It is far below one pixel, so small structures have their full
    weight.
    """
    prediction, ground_truth = logits.float().sigmoid().flatten(1), ground_truth.float().flatten(1)
    overlap = 2 * (prediction * ground_truth).sum(1)
    return 1 - (overlap + EPSILON) / (prediction.square().sum(1) + ground_truth.square().sum(1) + EPSILON)


def training_loss(logits: Tensor, ground_truth: Tensor, cross_entropy: float) -> Tensor:
    """Soft Dice loss of each item plus `cross_entropy` times its mean binary cross-entropy, (B,) float32."""
    loss = soft_dice_loss(logits, ground_truth)
    if not cross_entropy:
        return loss
    every_pixel = binary_cross_entropy_with_logits(logits.float(), ground_truth.float(), reduction="none")
    return loss + cross_entropy * every_pixel.flatten(1).mean(1)

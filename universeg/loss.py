"""Soft Dice, the loss of training."""

from torch import Tensor

EPSILON = 1e-3  # of a pixel


def soft_dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """1 - soft Dice of each item, in [0, 1): logits and truth (0 or 1) (B, 1, H, W) -> (B,), in float32.

    Dice has squared denominators (paper, eq. 4). EPSILON is added above and below, so that an empty truth is met by
    an empty prediction; it is far below one pixel, so that small structures count in full.
    """
    prediction, truth = logits.float().sigmoid().flatten(1), truth.float().flatten(1)
    overlap = 2 * (prediction * truth).sum(1)
    return 1 - (overlap + EPSILON) / (prediction.square().sum(1) + truth.square().sum(1) + EPSILON)

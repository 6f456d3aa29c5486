"""Probabilities as logits, which is what networks return."""

from torch import Tensor

MARGIN = 1e-4  # probabilities are kept this far from 0 and 1, whose logits are infinite


def logits(probability: Tensor) -> Tensor:
    """The logits of probabilities in [0, 1], all finite."""
    return probability.logit(MARGIN)

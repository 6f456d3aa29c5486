"""Several labels of the same images: each is predicted on its own, then a softmax joins them (paper, appendix F)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

BACKGROUND = "background"
SMALLEST = 1e-6  # probabilities are kept this far from 0 and 1, whose logits are infinite


def joined(probabilities: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.float32]]:
    """Probabilities (H, W) of labels, made to sum to 1 with the background: the softmax of their logits.

    If the background was not predicted as a label too, its logit is 0, as in `universeg predict`. The result has the
    background. Raises ValueError without labels, or for maps of different shapes.
    """
    if not probabilities or len({each.shape for each in probabilities.values()}) > 1:
        raise ValueError("give the probabilities of at least one label, all of the same shape")
    maps = {name: np.asarray(each, np.float64) for name, each in probabilities.items()}
    if BACKGROUND not in maps:
        maps = {BACKGROUND: np.full(next(iter(maps.values())).shape, 0.5), **maps}
    clipped = np.clip(np.stack(list(maps.values())), SMALLEST, 1 - SMALLEST)
    odds = clipped / (1 - clipped)  # the exponential of the logits
    shares = (odds / odds.sum(axis=0)).astype(np.float32)
    return dict(zip(maps, shares, strict=True))


def masks_of(probabilities: Mapping[str, NDArray[np.floating]]) -> dict[str, NDArray[np.bool_]]:
    """The mask (H, W) of each label: the pixels where it is the most probable one, and more so than the background."""
    shares = joined(probabilities)
    names = list(shares)
    winner = np.stack([shares[name] for name in names]).argmax(axis=0)
    return {name: winner == number for number, name in enumerate(names)}

"""How well simple rules solve a task: by grey level alone, with the neighbourhood, or by position.

A network that trains on tasks that grey level solves learns to look at grey level only. Many structures in real images
share their grey levels with their surroundings.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from universeg.synth.task import Pixels

Masks = NDArray[np.bool_]  # (N, H, W)
Scores = NDArray[np.float64]  # (N, H, W) higher inside the structure

SUPPORT = 16  # examples
LEVELS = 32  # bins of the grey level
NEIGHBOURHOOD = 7  # side in pixels of the square whose mean is the second feature
THRESHOLDS = 65


@dataclass(frozen=True)
class Shortcuts:
    """Mean Dice, 0 to 100, of three rules that see no shapes."""

    grey: float  # the share of pixels of the same grey level that are inside
    local: float  # the same for pairs of grey level and mean of the neighbourhood
    position: float  # the mean mask


def shortcuts(images: Pixels, masks: Masks, support: int = SUPPORT) -> Shortcuts:
    """The Dice of each rule on the images after the first `support`, which are the examples.

    Images are uint8 (N, H, W) and masks bool (N, H, W). The rule of a task is a score for each pixel and a threshold;
    both come from the examples. Raises ValueError if no image remains to be scored.
    """
    if len(images) <= support:
        raise ValueError(f"expected more than {support} images, of which {support} are examples, got {len(images)}")
    grey = images // (256 // LEVELS)
    local = grey.astype(np.int64) * LEVELS + neighbourhood_mean(images) // (256 // LEVELS)
    return Shortcuts(
        grey=_dice(_by_value(grey, masks, support), masks, support),
        local=_dice(_by_value(local, masks, support), masks, support),
        position=_dice(lambda: np.broadcast_to(masks[:support].mean(0), masks.shape), masks, support),
    )


def neighbourhood_mean(images: Pixels) -> NDArray[np.int64]:
    """The mean of the square around each pixel, (N, H, W) 0..255; the border repeats."""
    reach = NEIGHBOURHOOD // 2
    padded = np.pad(images.astype(np.int64), ((0, 0), (reach + 1, reach), (reach + 1, reach)), mode="edge")
    sums = padded.cumsum(1).cumsum(2)
    side = NEIGHBOURHOOD
    total: NDArray[np.int64] = (
        sums[:, side:, side:] - sums[:, :-side, side:] - sums[:, side:, :-side] + sums[:, :-side, :-side]
    )
    return total // side**2


def _by_value(values: NDArray[np.integer], masks: Masks, support: int) -> Callable[[], Scores]:
    """For each pixel, the share of pixels of its value that are inside in the examples."""
    seen, inside = values[:support], values[:support][masks[:support]]
    bins = int(values.max()) + 1
    counts = np.bincount(seen.ravel(), minlength=bins)
    shares = np.bincount(inside, minlength=bins) / np.maximum(counts, 1)
    return lambda: shares[values]


def _dice(scores_of: Callable[[], Scores], masks: Masks, support: int) -> float:
    """Mean Dice of the images after the examples, with the threshold that is best for the examples."""
    scores = scores_of()
    best, threshold = -1.0, 0.5
    for quantile in np.unique(np.quantile(scores[:support][masks[:support]], np.linspace(0, 1, THRESHOLDS))):
        found = _mean_dice(scores[:support] >= quantile, masks[:support])
        if found > best:
            best, threshold = found, float(quantile)
    return 100 * _mean_dice(scores[support:] >= threshold, masks[support:])


def _mean_dice(found: Masks, masks: Masks) -> float:
    both = 2 * (found & masks).sum((1, 2))
    sizes = found.sum((1, 2)) + masks.sum((1, 2))
    return float((both / np.maximum(sizes, 1)).mean())

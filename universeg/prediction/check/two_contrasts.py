"""Whether the examples are of two kinds, one with the contrast of the other inverted. No torch here."""

from collections.abc import Sequence

import numpy as np

from universeg.prediction.check.likeness import INVERTED_RATIO, Look

LEAST = 6  # examples
LEAST_OF_A_KIND = 2
LEAST_ACROSS, MOST_WITHIN = 0.8, 0.05  # share of the pairs of both kinds, and of one kind, that are opposites


def two_contrasts(looks: Sequence[Look]) -> list[int]:
    """The smaller one of two kinds whose grey levels are the negative of each other's; empty if there is one kind."""
    if len(looks) < LEAST:
        return []
    profiles, negatives = (np.stack([getattr(look, what) for look in looks]) for what in ("profile", "negative"))
    apart = np.abs(profiles[:, None] - profiles).mean(axis=-1)
    inverted = np.abs(negatives[:, None] - profiles).mean(axis=-1)
    opposite = np.maximum(inverted, inverted.T) < INVERTED_RATIO * apart
    second = opposite[int(opposite.sum(axis=1).argmax())]  # the opposites of the image that has most of them
    first = ~second
    if min(first.sum(), second.sum()) < LEAST_OF_A_KIND:
        return []
    across = opposite[np.ix_(first, second)].mean()
    within = max(opposite[np.ix_(kind, kind)].mean() for kind in (first, second))
    if across < LEAST_ACROSS or within > MOST_WITHIN:
        return []
    return [int(at) for at in np.flatnonzero(second if second.sum() <= first.sum() else first)]

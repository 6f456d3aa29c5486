"""What a segmentation found: probabilities on the network's grid, and their way to the image's own. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from universeg.prediction.labels import Label
from universeg.prediction.preprocess import HALF, PreparedImage
from universeg.standardise.resample import Array

Shown = tuple[int, int]  # an example, and one of its slices


@dataclass(frozen=True)
class Segmentation:
    """Of one image: the probability of each structure at each pixel of the network's grid."""

    query: PreparedImage
    labels: tuple[Label, ...]
    probability: Array  # (L, T, S, S)
    shown: tuple[tuple[Shown, ...], ...]  # for each slice, what the first member of the ensemble saw; () if nothing

    def probability_of(self, at: int, rows: slice = slice(None)) -> Array:
        """Probabilities (L, H, W) of slice `at` on the image's own grid, or of these rows of it."""
        return np.stack([self.query.back(plane[at], rows) for plane in self.probability])

    def values_of(self, at: int, rows: slice = slice(None)) -> NDArray[np.uint8]:
        """The label map (H, W) of slice `at` on the image's own grid: 0 outside, n for the n-th of `labels`."""
        return winners(self.probability_of(at, rows))

    @property
    def winners(self) -> NDArray[np.uint8]:
        """The label map (T, S, S) on the network's grid: 0 outside, n for the n-th of `labels`."""
        return winners(self.probability)


def winners(probability: Array) -> NDArray[np.uint8]:
    """(L, ...) -> (...): the most probable structure, from 1, or 0 if outside all of them is as probable."""
    if len(probability) == 1:
        return np.asarray(probability[0] >= HALF, np.uint8)
    outside = 1 - probability.sum(axis=0, keepdims=True)
    best = np.concatenate([outside, probability]).argmax(axis=0)
    return np.asarray(best, np.uint8)


def what_stays_empty(found: Sequence[Segmentation]) -> list[str]:
    """What to say of slices in which nothing was segmented."""
    lines = list[str]()
    flat = sum(int(segmented.query.flat.sum()) for segmented in found)
    slices = sum(len(segmented.shown) for segmented in found)
    unseen = sum(not shown for segmented in found for shown in segmented.shown) - flat
    if flat:
        lines.append(f"{flat} of {slices} slices stay empty: they have no contrast")
    if unseen:
        lines.append(
            f"{unseen} of {slices} slices stay empty: no support image has the structure at that relative height"
        )
    if not any((segmented.winners != 0).any() for segmented in found):
        lines.append("nothing was segmented in this image")
    return lines

"""Whether all masks are turned or mirrored against their images, as some programs save them. No torch here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from universeg.prediction.check.likeness import TURNS, Grey, Mask, border, edge_ranks

LEAST = 4  # examples: with fewer, a turned mask may lie on other edges by chance
LEAST_GAIN = 0.03  # rank of the edges at the borders of the masks, from 0 to 1, by which the turn is better
LEAST_SIGMA, MORE_SIGMA = 3.0, 4.0  # standard errors of the gain: at least the first, and the second by the count more
LEAST_SHARE = 0.75  # of the masks that are better after the turn
SAME_SHAPE = (2, 4, 6)  # of TURNS: those that keep the sides of an image that is not square


def turned(marks: NDArray[np.unsignedinteger], turn: int) -> NDArray[np.unsignedinteger]:
    """Label maps (T, S, S) after one of TURNS."""
    quarters = np.rot90(marks, -(turn % 4), axes=(1, 2))
    return np.ascontiguousarray(quarters[:, :, ::-1] if turn >= 4 else quarters)


def mask_turn(images: Sequence[Grey], masks: Sequence[Mask], regions: Sequence[Mask]) -> int:
    """Index in TURNS of what makes the masks (S, S) follow the edges of their images; 0 if they do, or are unclear.

    The regions (S, S) are where the images are not padding: only what keeps their shape is considered.
    """
    seen = [at for at, mask in enumerate(masks) if border(mask).any()]
    if len(seen) < LEAST:
        return 0
    square = all(regions[at].any(axis=0).sum() == regions[at].any(axis=1).sum() for at in seen)
    candidates = range(1, len(TURNS)) if square else SAME_SHAPE
    strengths = [edge_ranks(images[at]) for at in seen]

    def fits(turn: int) -> NDArray[np.float64]:
        borders = [border(turned(masks[at][None].astype(np.uint8), turn)[0] > 0) for at in seen]
        return np.array([float(strength[line].mean()) for strength, line in zip(strengths, borders, strict=True)])

    own, gains = fits(0), {}
    for turn in candidates:
        gains[turn] = fits(turn) - own
    best = max(gains, key=lambda turn: float(gains[turn].mean()))
    gain, error = gains[best].mean(), gains[best].std(ddof=1) / np.sqrt(len(seen))
    is_clear = gain > LEAST_GAIN and gain > (LEAST_SIGMA + MORE_SIGMA / len(seen)) * error
    return best if is_clear and float((gains[best] > 0).mean()) >= LEAST_SHARE else 0

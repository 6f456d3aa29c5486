"""Small pictures with label maps, for the tests of task packs."""

import numpy as np

from universeg.base.rng import rng_for


def picture(number, shape=(24, 30), labels=1):
    """A grey picture, and its label map with one bright rectangle for each label."""
    rng = rng_for("task pack", number)
    image, mask = rng.integers(20, 60, shape).astype(np.uint8), np.zeros(shape, np.uint8)
    for label in range(1, labels + 1):
        top, left = rng.integers(2, 8), 2 + (label - 1) * 12
        mask[top : top + 8, left : left + 7] = label
    image[mask > 0] += (80 + 30 * mask[mask > 0]).astype(np.uint8)
    return image, mask

"""Where a mask that was read marks something."""

import numpy as np

from universeg.imageio.image import LoadedImage


def inside(labels: LoadedImage, label: int | None) -> np.ndarray:
    """Where a mask has the value `label`; without one, where it is not 0, and it must have one other value at most."""
    if label is not None:
        return labels.values == label
    assert len(np.unique(labels.values)) <= 2
    return labels.values != 0

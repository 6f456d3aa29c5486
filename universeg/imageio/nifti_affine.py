"""Where a volume's samples lie, when its NIfTI header says so twice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def placed(affine: NDArray[np.generic], sizes: Sequence[float]) -> NDArray[np.float64]:
    """The affine (4, 4) from indices to millimetres, with voxels of `sizes` millimetres if its own steps are all 1.

    Some programs write an affine that only tells where the axes lead, beside sizes that are true. Sizes
    may be fewer than three; those that are not positive are not believed.
    """
    own: NDArray[np.float64] = np.asarray(affine, np.float64)
    given = np.ones(3)
    given[: len(sizes[:3])] = sizes[:3]
    steps = np.linalg.norm(own[:3, :3], axis=0)
    believed = np.allclose(steps, 1) and bool(np.isfinite(given).all()) and bool((given > 0).all())
    return own @ np.diag([*given, 1]) if believed else own

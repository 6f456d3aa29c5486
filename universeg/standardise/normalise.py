"""Intensities of one whole scan, mapped to [0, 1] by the rule of its modality (paper, section A)."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from universeg.base.lookup import choose

Values = NDArray[np.float32]
Window = tuple[float, float]

CT_WINDOW_HU: Window = (-500.0, 1000.0)
MR_PERCENTILES = (0.5, 99.5)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as the original builder's grey conversion


class FlatImage(ValueError):
    """An image without contrast; there is nothing to segment in it."""


def ct(values_hu: NDArray[np.generic]) -> Window:
    """Hounsfield units: [-500, 1000]."""
    return CT_WINDOW_HU


def mr(values: NDArray[np.generic]) -> Window:
    """The [0.5, 99.5] percentiles of the voxels that are not zero."""
    inside = values[values != 0]
    if inside.size == 0:
        raise FlatImage("all intensities are 0")
    low, high = np.percentile(inside, MR_PERCENTILES)
    return float(low), float(high)


def unit(values: NDArray[np.generic]) -> Window:
    """Everything."""
    return float(values.min()), float(values.max())


INTENSITY: Mapping[str, Callable[[NDArray[np.generic]], Window]] = {
    "ct": ct,
    "mr": mr,
    "unit": unit,
}


def limits(values: NDArray[np.generic], rule: str, window: Window | None = None) -> Window:
    """What becomes 0 and 1: least and largest value within the rule's window; raises FlatImage if they are one."""
    low, high = window or choose(INTENSITY, rule, "intensity rule")(values)
    ends = float(np.clip(float(values.min()), low, high)), float(np.clip(float(values.max()), low, high))
    if not ends[0] < ends[1]:
        raise FlatImage(f"all intensities are {ends[0]:g} within the window [{low:g}, {high:g}]")
    return ends


def scaled(values: NDArray[np.generic], ends: Window) -> Values:
    """Clipped to `ends`, which become 0 and 1; of a part of a volume the same as of the whole."""
    low, high = np.float32(ends[0]), np.float32(ends[1])
    result: Values = np.array(values, np.float32)
    np.clip(result, low, high, out=result)
    result -= low
    result /= high - low
    return np.clip(result, 0, 1, out=result)


def normalised(values: NDArray[np.generic], rule: str, window: Window | None = None) -> Values:
    """A whole scan in [0, 1]."""
    return scaled(values, limits(values, rule, window))


def luminance(values: NDArray[np.generic]) -> Values:
    """Grey (..., ) from colour (..., C): C = 3 or 4 is RGB with optional alpha, 1 or 2 is grey with optional alpha."""
    channels = values.shape[-1]
    if channels in (1, 2):
        return values[..., 0].astype(np.float32)
    if channels in (3, 4):
        grey: Values = values[..., :3].astype(np.float32) @ LUMA
        return grey
    raise ValueError(f"expected 1 to 4 colour channels, got {channels}")

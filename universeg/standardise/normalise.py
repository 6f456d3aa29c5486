"""Map the intensities of one scan to [0, 1], by the rule of its modality (paper, section A)."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from universeg.base.lookup import choose

Values = NDArray[np.float32]
Window = tuple[float, float]

CT_WINDOW_HU: Window = (-500.0, 1000.0)
MR_PERCENTILES = (0.5, 99.5)
PART = 1 << 24  # samples that become grey at once
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as the original builder's grey conversion


class FlatImage(ValueError):
    """All intensities of the image are equal, so there is nothing to segment."""


def ct(values_hu: NDArray[np.generic]) -> Window:
    """The fixed window [-500, 1000] in Hounsfield units."""
    return CT_WINDOW_HU


def mr(values: NDArray[np.generic]) -> Window:
    """The 0.5 and 99.5 percentiles of the voxels that are not zero. Raises FlatImage if all are zero."""
    inside = values[values != 0]
    if inside.size == 0:
        raise FlatImage("all intensities are 0")
    low, high = np.percentile(inside, MR_PERCENTILES)
    return float(low), float(high)


def unit(values: NDArray[np.generic]) -> Window:
    """The smallest and the largest value."""
    return float(values.min()), float(values.max())


INTENSITY: Mapping[str, Callable[[NDArray[np.generic]], Window]] = {
    "ct": ct,
    "mr": mr,
    "unit": unit,
}


def limits(values: NDArray[np.generic], rule: str, window: Window | None = None) -> Window:
    """The two values that are mapped to 0 and 1: the smallest and the largest value, clipped to the window.

    `rule` is one of INTENSITY; a given `window` replaces it. Raises FlatImage if both values are equal.
    """
    low, high = window or choose(INTENSITY, rule, "intensity rule")(values)
    ends = float(np.clip(float(values.min()), low, high)), float(np.clip(float(values.max()), low, high))
    if not ends[0] < ends[1]:
        raise FlatImage(f"all intensities are {ends[0]:g} within the window [{low:g}, {high:g}]")
    return ends


def scaled(values: NDArray[np.generic], ends: Window) -> Values:
    """Values clipped to `ends`, which are mapped to 0 and 1: float32, same shape.

    With the limits of the whole volume, a part of it is scaled exactly as in the whole.
    """
    low, high = np.float32(ends[0]), np.float32(ends[1])
    result: Values = np.array(values, np.float32)
    np.clip(result, low, high, out=result)
    result -= low
    result /= high - low
    return np.clip(result, 0, 1, out=result)


def normalised(values: NDArray[np.generic], rule: str, window: Window | None = None) -> Values:
    """A whole scan in [0, 1]: float32, same shape. Raises FlatImage as `limits` does."""
    return scaled(values, limits(values, rule, window))


def luminance(values: NDArray[np.generic]) -> Values:
    """Grey values (...), float32, of colours (..., C). Alpha is ignored.

    C is 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGB and alpha); ValueError for any other number.
    """
    channels = values.shape[-1]
    if channels in (1, 2):
        return values[..., 0].astype(np.float32)
    if channels in (3, 4):
        grey = np.empty(values.shape[:-1], np.float32)
        rows = max(1, PART // max(1, values[:1].size))  # in parts, since a large picture in float32 needs much memory
        for start in range(0, len(values), rows):
            grey[start : start + rows] = values[start : start + rows, ..., :3].astype(np.float32) @ LUMA
        return grey
    raise ValueError(f"expected 1 to 4 colour channels, got {channels}")

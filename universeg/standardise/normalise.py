"""Intensities of one whole scan, mapped to [0, 1] by the rule of its modality (paper, section A)."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Window = tuple[float, float]

CT_WINDOW_HU: Window = (-500.0, 1000.0)
MR_PERCENTILES = (0.5, 99.5)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as the original builder's grey conversion


class FlatImage(ValueError):
    """An image without contrast; there is nothing to segment in it."""


def stretch(values: NDArray[np.generic], window: Window) -> Values:
    """Clip to `window`, then min-max what remains to [0, 1]; raises FlatImage if one value remains."""
    clipped: Values = np.asarray(values, np.float32).clip(*window)
    low, high = float(clipped.min()), float(clipped.max())
    if not low < high:
        raise FlatImage(f"all intensities are {low:g} within the window [{window[0]:g}, {window[1]:g}]")
    clipped -= low
    clipped /= high - low
    return np.clip(clipped, 0, 1, out=clipped)


def ct(values_hu: NDArray[np.generic], window: Window | None = None) -> Values:
    """Hounsfield units, clipped to [-500, 1000] unless the source says otherwise."""
    return stretch(values_hu, window or CT_WINDOW_HU)


def mr(values: NDArray[np.generic], window: Window | None = None) -> Values:
    """Clipped to the [0.5, 99.5] percentiles of the voxels that are not zero."""
    if window is None:
        inside = values[values != 0]
        if inside.size == 0:
            raise FlatImage("all intensities are 0")
        low, high = np.percentile(inside, MR_PERCENTILES)
        window = (float(low), float(high))
    return stretch(values, window)


def unit(values: NDArray[np.generic], window: Window | None = None) -> Values:
    """Not clipped unless a window is given."""
    return stretch(values, window or (float(values.min()), float(values.max())))


INTENSITY: Mapping[str, Callable[[NDArray[np.generic], Window | None], Values]] = {
    "ct": ct,
    "mr": mr,
    "unit": unit,
}


def luminance(values: NDArray[np.generic]) -> Values:
    """Grey (..., ) from colour (..., C): C = 3 or 4 is RGB with optional alpha, 1 or 2 is grey with optional alpha."""
    channels = values.shape[-1]
    if channels in (1, 2):
        return values[..., 0].astype(np.float32)
    if channels in (3, 4):
        grey: Values = values[..., :3].astype(np.float32) @ LUMA
        return grey
    raise ValueError(f"expected 1 to 4 colour channels, got {channels}")

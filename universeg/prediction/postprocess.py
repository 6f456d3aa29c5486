"""Clean up a label map on request: smooth outline, filled holes, no small parts, the largest part only.

By SimpleITK, which the package needs anyway to read images. No torch here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from universeg.base.bounds import at_least

Mask = NDArray[np.bool_]
HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """Changes to the finished masks, of each structure on its own, in the order of these options. Probabilities and
    the overlay show the result before them."""

    smooth: float = 0
    """Smooth the outline: blur each slice of the mask with this standard deviation, in pixels, and cut at one half."""
    fill_holes: bool = False
    """Fill holes: background that is enclosed within its slice becomes part of the structure."""
    min_size: int = 0
    """Remove parts with fewer pixels (voxels) than this."""
    largest_part: bool = False
    """Keep only the largest connected part."""

    def __post_init__(self) -> None:
        at_least(self, 0, "smooth", "min_size")

    @property
    def does_something(self) -> bool:
        """Whether any option is set."""
        return bool(self.smooth or self.fill_holes or self.min_size or self.largest_part)


NO_CLEANING = Cleaning()


def cleaned(labels: NDArray[np.uint8], cleaning: Cleaning, axis: int | None = None) -> NDArray[np.uint8]:
    """A label map (H, W), or (X, Y, Z) with slices along `axis`: 0 outside, n for the n-th structure.

    A structure grows into the background only. Parts are connected through sides and corners, in volumes also between
    slices.
    """
    if not cleaning.does_something:
        return labels
    result = np.zeros_like(labels)
    for value in np.unique(labels[labels > 0]):
        own = labels == value
        new = _cleaned(own, cleaning, axis)
        result[new & (own | ((labels == 0) & (result == 0)))] = value
    return result


def _cleaned(mask: Mask, cleaning: Cleaning, axis: int | None) -> Mask:
    if cleaning.smooth:
        mask = _by_slice(mask, axis, lambda plane: _smooth(plane, cleaning.smooth))
    if cleaning.fill_holes:
        mask = _by_slice(mask, axis, _filled)
    if cleaning.min_size or cleaning.largest_part:
        mask = _large_parts(mask, cleaning.min_size, cleaning.largest_part)
    return mask


def _by_slice(mask: Mask, axis: int | None, change: Callable[[Mask], Mask]) -> Mask:
    """Change every slice that is not empty."""
    result = mask.copy()
    for plane, new in zip(_planes(mask, axis), _planes(result, axis), strict=True):
        if plane.any():
            new[:] = change(plane)
    return result


def _planes(mask: Mask, axis: int | None) -> Iterator[Mask]:
    """Views of the slices."""
    yield from [mask] if axis is None else np.moveaxis(mask, axis, 0)


def _smooth(plane: Mask, sigma: float) -> Mask:
    import SimpleITK as sitk  # slow to import, and most runs do without it

    # The default kernel is at most 32 pixels wide, which would cut off large blurs.
    width = 2 * int(4 * sigma) + 3
    blurred = sitk.DiscreteGaussian(sitk.GetImageFromArray(plane.astype(np.float32)), sigma**2, width)
    return np.asarray(sitk.GetArrayFromImage(blurred) >= HALF)


def _filled(plane: Mask) -> Mask:
    import SimpleITK as sitk

    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(plane.astype(np.uint8)))
    return np.asarray(sitk.GetArrayFromImage(filled) > 0)


def _large_parts(mask: Mask, least: int, largest: bool) -> Mask:
    import SimpleITK as sitk

    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True)
    ranked = sitk.GetArrayFromImage(sitk.RelabelComponent(parts, least, True))  # 1 is the largest; small ones are 0
    return np.asarray(ranked == 1 if largest else ranked > 0)

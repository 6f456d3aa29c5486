"""The form of a mask: drawn as an outline, or inside and outside exchanged. SimpleITK fills holes; no torch here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

OUTLINE_GAIN = 2.0  # times the area that a filled outline has at least
OUTLINE_COVERED = 0.98  # share of an outline that lies at the border of the filled area at least
OUTLINE_THICK = 0.15  # half the width of an outline, by the depth of the filled area at most
INVERTED_SHARE = 0.5  # share of the image that an inverted mask marks at least
INVERTED_BORDER = 0.8  # share of the image's border that an inverted mask marks at least


def filled(mask: Mask) -> Mask:
    """The mask (H, W) with its holes filled."""
    import SimpleITK as sitk

    whole = sitk.BinaryFillhole(sitk.GetImageFromArray(mask.astype(np.uint8)), fullyConnected=False)
    found: Mask = sitk.GetArrayFromImage(whole).astype(bool)
    return found


def is_outline(mask: Mask) -> bool:
    """Whether a mask (H, W) is a thin closed line around what it should mark.

    Filled, it is much larger; and all of it lies at the border of the filled area, unlike a network of vessels, and is
    thin beside it, unlike a ring.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return False
    mask = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    if mask.size < OUTLINE_GAIN * mask.sum():  # filled, it cannot be that much larger; quick, and true of most masks
        return False
    whole = filled(mask)
    if whole.sum() < OUTLINE_GAIN * mask.sum():
        return False
    half_width, depth = float(_depth(mask).max()), _depth(whole)
    at_border = depth <= 2 * half_width + 1.5
    covered = np.count_nonzero(mask & at_border) / np.count_nonzero(mask)
    return bool(covered >= OUTLINE_COVERED and half_width + 0.5 <= OUTLINE_THICK * depth.max())


def _depth(mask: Mask) -> NDArray[np.float32]:
    """How far each pixel of the mask lies inside it, in pixels; 0 outside."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=True, squaredDistance=False)
    depth: NDArray[np.float32] = np.maximum(0, sitk.GetArrayFromImage(distance))
    return depth


@dataclass(frozen=True)
class Coverage:
    """How much a mask marks of its image, and of the image's border; both from 0 to 1."""

    share: float
    border: float

    @classmethod
    def of(cls, mask: Mask, region: Mask) -> "Coverage":
        """Of a mask (H, W) in the region (H, W), a rectangle, that the image has on the network's grid."""
        rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
        part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        edge = np.concatenate([part[0], part[-1], part[:, 0], part[:, -1]])
        return cls(float(part.mean()), float(edge.mean()))

    @property
    def looks_inverted(self) -> bool:
        """Whether the mask marks most of the image and nearly all of its border, as the outside of a structure does."""
        return self.share >= INVERTED_SHARE and self.border >= INVERTED_BORDER

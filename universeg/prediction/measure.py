"""What a label map measures: pixels, area or volume, and the number of separate parts. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import LoadedImage

NO_SCALE = (1.0, 1.0)  # spacing of pictures without a scale


@dataclass(frozen=True)
class Measure:
    """One structure in one image, or in one frame of a film."""

    structure: str
    pixels: int  # or voxels
    parts: int  # separate pieces; pixels that touch at a corner are one piece
    area_mm2: float | None = None  # of a picture with a scale
    volume_ml: float | None = None  # of a volume
    slices: int | None = None  # of a volume that have the structure
    frame: int | None = None  # of a film, from 0

    @property
    def size(self) -> str:
        """For people: the volume, the area, or the pixels."""
        if self.volume_ml is not None:
            return f"{self.volume_ml:,.3g} ml" if self.volume_ml < 100 else f"{self.volume_ml:,.0f} ml"
        if self.area_mm2 is not None:
            return f"{self.area_mm2:,.3g} mm²" if self.area_mm2 < 100 else f"{self.area_mm2:,.0f} mm²"
        return f"{self.pixels:,} px"


def measured(
    maps: Sequence[NDArray[np.uint8]], scan: LoadedImage, structures: Sequence[str], axis: int | None = None
) -> tuple[Measure, ...]:
    """Of each frame's label map on the image's own grid (0 outside, n for the n-th structure), and each structure.

    `axis` is that of the slices of a volume.
    """
    found = list[Measure]()
    for frame, numbers in enumerate(maps):
        for number, structure in enumerate(structures, 1):
            mask = numbers == number
            found.append(_measure(mask, scan, structure, axis, frame if len(maps) > 1 else None))
    return tuple(found)


def _measure(
    mask: NDArray[np.bool_], scan: LoadedImage, structure: str, axis: int | None, frame: int | None
) -> Measure:
    pixels, each = int(np.count_nonzero(mask)), float(np.prod(scan.spacing))
    rows = None
    if mask.ndim == 3:
        others = tuple(k for k in range(3) if k != (2 if axis is None else axis))
        rows = int(mask.any(axis=others).sum())
    has_scale = mask.ndim == 3 or tuple(scan.spacing) != NO_SCALE
    return Measure(
        structure=structure,
        pixels=pixels,
        parts=_parts(mask) if pixels else 0,
        area_mm2=pixels * each if mask.ndim == 2 and has_scale else None,
        volume_ml=pixels * each / 1000 if mask.ndim == 3 else None,
        slices=rows,
        frame=frame,
    )


def _parts(mask: NDArray[np.bool_]) -> int:
    import SimpleITK as sitk

    box = tuple(slice(at.min(), at.max() + 1) for at in (np.flatnonzero(_any_but(mask, k)) for k in range(mask.ndim)))
    pieces = sitk.ConnectedComponentImageFilter()
    pieces.SetFullyConnected(True)
    pieces.Execute(sitk.GetImageFromArray(mask[box].astype(np.uint8)))
    return int(pieces.GetObjectCount())


def _any_but(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    return np.asarray(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))

"""Slices of a scan that are files of their own -> one volume, sorted by where they lie if they say so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import Affine, ImageError, RawImage

UNEVEN = 0.1  # largest departure of a gap from the usual one, as a share of it
SAME_PLACE = 1e-3  # millimetres
REMEDY = "fetch the files again, or add the scan to known_bad"
TILTED = 1e-2  # largest difference of directions between the slices of one volume


def stacked(slices: Sequence[RawImage], paths: Sequence[Path], order: tuple[int, ...] | None) -> RawImage:
    """One volume (column, row, slice); slices without a place are in the order given, or in the image's `order`."""
    if len({None if piece.palette is None else piece.palette.tobytes() for piece in slices}) > 1:
        raise ImageError("its slices have different palettes", str(paths[0].parent), REMEDY)
    shapes = {piece.values.shape for piece in slices}
    if len(shapes) != 1 or any(piece.is_volume for piece in slices):
        found = ", ".join(sorted(map(str, shapes)))
        raise ImageError(
            f"its {len(slices)} slices are not pictures of one size: {found}", str(paths[0].parent), REMEDY
        )
    affines = [piece.affine for piece in slices if piece.affine is not None]
    affine = None
    if len(affines) == len(slices):
        order, affine = _placed(affines, paths)
    sequence = order if order is not None and len(order) == len(slices) else tuple(range(len(slices)))
    values = np.stack([slices[i].values.swapaxes(0, 1) for i in sequence], axis=2)
    notes = tuple(dict.fromkeys(note for piece in slices for note in piece.notes))
    palette, coloured = slices[0].palette, values.ndim > 3
    return RawImage(values, affine, palette=palette, is_volume=True, coloured=coloured, order=sequence, notes=notes)


def _placed(affines: Sequence[Affine], paths: Sequence[Path]) -> tuple[tuple[int, ...], Affine]:
    """The slices' order along their normal, and the affine of the volume; raises ImageError unless evenly spaced."""
    folder = str(paths[0].parent)
    first = affines[0]
    if any(np.abs(affine[:3, :3] - first[:3, :3]).max() > TILTED for affine in affines):
        raise ImageError("its slices do not lie parallel", folder, "are these files of several series?")
    places: NDArray[np.float64] = np.array([affine[:3, 3] @ first[:3, 2] for affine in affines])
    order = np.argsort(places, kind="stable")
    gaps = np.diff(places[order])
    usual = float(np.median(gaps))
    if gaps.min() <= SAME_PLACE:
        at = int(gaps.argmin())
        pair = " and ".join(paths[order[n]].name for n in (at, at + 1))
        remedy = "are these several acquisitions or times? Keep the files of one"
        raise ImageError(f"two of its {len(paths)} slices lie at the same place: {pair}", folder, remedy)
    if np.abs(gaps - usual).max() > UNEVEN * usual:
        at = int(np.abs(gaps - usual).argmax())
        what = f"{gaps[at]:.2f} mm between {paths[order[at]].name} and {paths[order[at + 1]].name}, usually {usual:.2f}"
        raise ImageError(f"its slices are not evenly spaced: {what}", folder, REMEDY)
    affine = affines[order[0]].copy()
    step = (affines[order[-1]][:3, 3] - affine[:3, 3]) / (len(affines) - 1)
    affine[:3, 2] = step
    return tuple(int(i) for i in order), affine

"""An image as its file stores it, and the same image upright: volumes in RAS+ order, on a grid in millimetres.

Every reader of `universeg.imageio` returns a RawImage. `upright` turns it; after that, the format no longer matters.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]  # (4, 4): from indices to millimetres, to the right, to the front, up
MOST_SHEAR_DEGREES = 1.5  # by which the axes of a volume may differ from perpendicular
LONGEST = 1 << 16  # samples along an axis: resampling takes memory by this number, also if the image is one sample wide
MOST_CHANNELS = 4  # of a picture: red, green, blue and opacity
LARGEST = 1e38  # of samples
FARTHEST = 1e9  # millimetres: larger numbers of an affine, and spacings beyond it or its inverse, are damage
LEAST_DETERMINANT = 1e-6  # of the directions of a volume's axes; 0 if they lie in one plane
INVALID_AFFINE = "has an invalid affine (zero, not finite or huge)"
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # the millimetres of DICOM and ITK lead to the left, to the back, up
AGAIN = "export or fetch the file again"
GIVE_AFFINE = "give 'orientation' and 'spacing' in the manifest"
SAME_GRID = 0.5  # voxels by which the corners of two grids may differ for the grids to count as the same


class ImageError(ValueError):
    """An image or mask that cannot be used: why, which file, and what a person can do about it."""

    def __init__(self, reason: str, file: str = "", remedy: str = "") -> None:
        super().__init__(reason)
        self.reason, self.file, self.remedy = reason, file, remedy

    def __str__(self) -> str:
        return f"{self.file}: " * bool(self.file) + self.reason + f"; {self.remedy}" * bool(self.remedy)


@dataclass(frozen=True)
class RawImage:
    """Samples in the order in which a file stores them, and what the file says of their place."""

    values: NDArray[Any]  # (x, y, z) or (row, column), with a last axis of channels if it has one more
    affine: Affine | None = None  # of a volume's indices; None if the file does not say
    spacing: tuple[float, ...] | None = None  # of a picture's rows and columns; None if the file does not say
    palette: NDArray[Any] | None = None  # (n, 3) colours that a picture's values stand for
    is_volume: bool = False  # else a picture
    coloured: bool = False  # of a volume with a last axis of channels: they are colours, not several volumes
    order: tuple[int, ...] | None = None  # of a stack: which of its files each slice along the last axis is
    header: Any = None  # of a NIfTI file, so that results can be written in its frame
    shape: tuple[int, ...] | None = None  # of the samples in the file, axes of one sample included
    notes: tuple[str, ...] = ()  # what had to be decided while reading, for the user
    is_part: bool = False  # of a mask: its file may leave out where no structure is, as segmentation objects do


@dataclass(frozen=True)
class LoadedImage:
    """One image or label map on its grid; volumes are in RAS+ order (x to the right, y to the front, z up)."""

    values: NDArray[Any]  # (x, y, z) or (row, column), with a last axis of colour channels if it has one more
    spacing: tuple[float, ...]  # of samples along each axis: millimetres in 3-D; (1, 1) for pictures without a scale
    where: str = "array"  # the file, for messages
    affine: Affine | None = None  # from indices to millimetres; None for pictures
    palette: NDArray[Any] | None = None
    stored: Affine | None = None  # the affine before the image was turned
    order: tuple[int, ...] | None = None
    header: Any = None
    stored_shape: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()  # what had to be decided while reading, for the user
    is_part: bool = False  # of a mask: it is 0 outside of its own grid
    tint: tuple[float, float] | None = None  # of grey values made of colours: the shares of red and of blue in those

    def __post_init__(self) -> None:
        axes = len(self.spacing)
        framed = axes in (2, 3) and self.values.ndim in (axes, axes + 1) and self.values.size > 0
        if not framed or not all(1 / FARTHEST < step < FARTHEST for step in self.spacing):
            raise ImageError(
                "expected a picture (H, W) or a volume (X, Y, Z) with a positive spacing for each axis,"
                f" got shape {self.values.shape} and spacing {self.spacing}",
                self.where,
            )
        if max(self.shape) > LONGEST:
            raise ImageError(
                f"has {max(self.shape)} samples along one axis; expected at most {LONGEST}", self.where, "crop it first"
            )

    @property
    def is_volume(self) -> bool:
        return len(self.spacing) == 3

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis of space, without colour."""
        return self.values.shape[: len(self.spacing)]

    @property
    def coloured(self) -> bool:
        return self.values.ndim > len(self.spacing)

    @cached_property
    def colours(self) -> NDArray[Any]:
        """The values, with a palette's colours in place of its indices."""
        looked_up: NDArray[Any] = self.values if self.palette is None else self.palette[self.values]
        return looked_up

    @cached_property
    def brightness(self) -> NDArray[Any]:
        """Of each sample the brightest colour channel, without opacity."""
        if self.colours.ndim == len(self.spacing):
            return self.colours
        channels = self.colours[..., : 1 if self.colours.shape[-1] < 3 else 3]  # grey with opacity, or RGB
        brightest: NDArray[Any] = channels.max(axis=-1)
        return brightest

    def check_finite(self) -> None:
        """Raise ImageError if some samples are NaN, infinite, or too large for differences in float32."""
        if self.values.dtype.kind != "f":
            return
        good = np.abs(self.values) <= min(LARGEST, float(np.finfo(self.values.dtype).max))
        if not good.all():
            bad = int(np.count_nonzero(~good))
            raise ImageError(
                f"{bad} of {self.values.size} samples are not finite numbers (NaN, infinite, or beyond {LARGEST:g})",
                self.where,
                "save the file with 0 in their place",
            )


def voxel_sizes(affine: NDArray[np.generic]) -> NDArray[np.float64]:
    """Distance of neighbouring samples along each axis of an affine (4, 4), in millimetres."""
    sizes: NDArray[np.float64] = np.sqrt(np.sum(np.asarray(affine, np.float64)[:3, :3] ** 2, axis=0))
    return sizes


def upright(
    raw: RawImage,
    orientation: str | None = None,
    spacing: tuple[float, ...] | None = None,
    like: Affine | None = None,
    where: str = "array",
) -> LoadedImage:
    """The image in RAS+ order.

    `orientation` (three letters such as LPS) and `spacing` replace what the file says; `like`, the affine of another
    image, replaces all of it. Raises ImageError if the orientation or spacing of a volume is not known.
    """
    if not raw.is_volume:
        given = spacing or raw.spacing or (1.0, 1.0)
        if len(given) != 2:
            raise ImageError(f"is a picture, but {len(given)} spacings are given", remedy="give two: row, column")
        if raw.values.ndim > 2 and raw.values.shape[-1] > MOST_CHANNELS:
            channels = f"has {raw.values.shape[-1]} channels; expected 1 to {MOST_CHANNELS}"
            raise ImageError(channels, remedy="save the one you mean in grey")
        return LoadedImage(
            raw.values, given, where, palette=raw.palette, header=raw.header, stored_shape=raw.shape, notes=raw.notes
        )
    if raw.values.ndim < 3:
        raise ImageError(f"has shape {raw.values.shape}; expected a picture or a volume", remedy=AGAIN)
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    affine = like if like is not None else _affine(raw, orientation, spacing)
    turn = io_orientation(affine)
    values = apply_orientation(raw.values, turn)
    canonical = affine @ inv_ornt_aff(turn, raw.values.shape[:3])
    steps = tuple(float(step) for step in voxel_sizes(canonical))
    shape = raw.shape or raw.values.shape[:3]
    palette, order, notes = raw.palette, raw.order, raw.notes
    return LoadedImage(
        values, steps, where, canonical, palette, affine, order, raw.header, shape, notes, is_part=raw.is_part
    )


def extended(mask: LoadedImage, image: LoadedImage) -> LoadedImage:
    """A mask that is 0 outside of its own grid, on the grid of its image (volumes in RAS+ order).

    It is returned unchanged if it is no such mask, or if its samples are not some of the image's.
    """
    if not mask.is_part or mask.affine is None or image.affine is None or mask.coloured:
        return mask
    to_image = np.linalg.inv(image.affine) @ mask.affine
    ends = (to_image @ np.array([[0, 0, 0, 1], [*(n - 1 for n in mask.shape), 1]]).T)[:3]
    first, last = np.rint(ends).astype(int).T
    fits = np.array_equal(last - first + 1, mask.shape) and (first >= 0).all() and (last < image.shape).all()
    if not fits or np.abs(ends - np.rint(ends)).max() > SAME_GRID / 2:
        return mask
    values = np.zeros(image.shape, mask.values.dtype)
    values[tuple(slice(start, stop + 1) for start, stop in zip(first, last, strict=True))] = mask.values
    return replace(mask, values=values, spacing=image.spacing, affine=image.affine)


def grid_distance(one: LoadedImage, other: LoadedImage) -> float:
    """Largest distance between the corners of two volumes' grids, in voxels of the first; 0 if one has no affine."""
    if one.affine is None or other.affine is None:
        return 0.0
    corners = np.stack(np.meshgrid(*([0, n - 1] for n in one.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    away = (np.c_[corners, np.ones(len(corners))] @ (other.affine - one.affine).T)[:, :3]
    return float((np.linalg.norm(away, axis=1) / min(one.spacing)).max())


def _affine(raw: RawImage, orientation: str | None, spacing: tuple[float, ...] | None) -> Affine:
    """The file's affine, with the given directions and steps in place of its own."""
    if orientation is None or spacing is None:  # otherwise nothing of the file's own affine is used
        _check_own(raw.affine)
    affine = np.eye(4) if raw.affine is None else raw.affine
    steps = np.array(spacing if spacing is not None else voxel_sizes(affine), float)
    if steps.shape != (3,):
        raise ImageError(f"is a volume, but {len(steps)} spacings are given", remedy="give three: x, y, z")
    if orientation is not None:
        affine = _axis_aligned(orientation, steps)
    elif spacing is not None:
        affine = affine @ np.diag([*(steps / voxel_sizes(affine)), 1])
    if not (steps > 1 / FARTHEST).all() or abs(np.linalg.det(affine[:3, :3] / steps)) < LEAST_DETERMINANT:
        raise ImageError(INVALID_AFFINE, remedy=GIVE_AFFINE)
    shear = _shear_degrees(affine)
    if shear > MOST_SHEAR_DEGREES:
        raise ImageError(
            f"its axes are not perpendicular: {shear:.1f} degrees of shear, as of a CT with a tilted gantry",
            remedy="resample it upright first, for example with dcm2niix",
        )
    return affine


def _check_own(affine: Affine | None) -> None:
    if affine is None:
        raise ImageError("has no orientation and spacing", remedy=GIVE_AFFINE)
    if not (np.abs(affine) < FARTHEST).all():
        raise ImageError(INVALID_AFFINE, remedy=GIVE_AFFINE)


def _shear_degrees(affine: Affine) -> float:
    """The largest difference of an angle between two axes from 90 degrees."""
    directions = affine[:3, :3] / voxel_sizes(affine)
    products = directions.T @ directions
    return float(np.degrees(np.arcsin(np.abs(products[np.triu_indices(3, 1)]).clip(max=1).max())))


def _axis_aligned(orientation: str, steps: NDArray[np.float64]) -> Affine:
    """An affine without oblique directions, from letters that say where the axes lead."""
    from nibabel.orientations import axcodes2ornt

    affine = np.zeros((4, 4))
    for axis, (target, sign) in enumerate(axcodes2ornt(tuple(orientation))):
        affine[int(target), axis] = sign * steps[axis]
    affine[3, 3] = 1
    return affine

"""What every reader returns, how it is turned to RAS+, and what is said of a scan that cannot be used."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

Affine = NDArray[np.float64]  # (4, 4): from indices to millimetres, right, front, up


class BadScan(ValueError):
    """This one scan is unusable: why, which file, what a person can do about it, and whether a manifest foresees it."""

    def __init__(self, reason: str, file: str = "", remedy: str = "", known: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.file, self.remedy, self.known = reason, file, remedy, known


@dataclass(frozen=True)
class Stored:
    """Samples in the order in which a file stores them, and where it says that they lie."""

    values: NDArray[Any]  # (x, y, z) or (row, column), with a last axis of channels if it has one more
    affine: Affine | None = None  # of a volume's indices; None where the file does not say
    spacing: tuple[float, ...] | None = None  # of a picture's rows and columns; None where the file does not say
    palette: NDArray[Any] | None = None  # (n, 3) colours that the values of a picture stand for, if they do
    solid: bool = False  # a volume, not a picture
    order: tuple[int, ...] | None = None  # of a stack: which of its files each slice along the last axis is


@dataclass(frozen=True)
class Volume:
    """Samples of one image or label map on their grid; 3-D ones are in RAS+ order (x right, y front, z up)."""

    values: NDArray[Any]  # (x, y, z) or (row, column), with a last axis of colour channels if it has one more
    spacing: tuple[float, ...]  # millimetres in 3-D, pixels (1, 1) for pictures without a scale
    affine: Affine | None = None  # from indices to millimetres; None for pictures
    palette: NDArray[Any] | None = None
    stored: Affine | None = None  # the affine before turning, by which a label without one is turned alike
    order: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim not in (len(self.spacing), len(self.spacing) + 1):
            raise ValueError(f"{self.values.ndim} axes of values, {len(self.spacing)} of spacing")

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis of space, without colour."""
        return self.values.shape[: len(self.spacing)]

    @property
    def coloured(self) -> bool:
        return self.values.ndim > len(self.spacing)

    @cached_property
    def brightness(self) -> NDArray[Any]:
        """Of each sample the brightest colour, without opacity: the palette's, if it has one."""
        values = self.values if self.palette is None else self.palette[self.values]
        if values.ndim == len(self.spacing):
            grey: NDArray[Any] = values
            return grey
        colours: NDArray[Any] = values[..., : 1 if values.shape[-1] < 3 else 3]  # grey with opacity, or RGB
        brightest: NDArray[Any] = colours.max(axis=-1)
        return brightest


def turned(
    stored: Stored, orientation: str | None = None, spacing: tuple[float, ...] | None = None, like: Affine | None = None
) -> Volume:
    """A volume in RAS+ order; what a manifest says of orientation and spacing, or an image's affine, wins."""
    if not stored.solid:
        given = spacing or stored.spacing or (1.0, 1.0)
        if len(given) != 2:
            raise BadScan(f"is a picture, and the manifest gives {len(given)} spacings", remedy="give two: row, column")
        return Volume(stored.values, given, palette=stored.palette)
    affine = like if like is not None else _affine(stored, orientation, spacing)
    turn = io_orientation(affine)
    values = apply_orientation(stored.values, turn)
    canonical = affine @ inv_ornt_aff(turn, stored.values.shape[:3])
    steps = tuple(float(step) for step in voxel_sizes(canonical))
    return Volume(values, steps, canonical, stored.palette, affine, stored.order)


def _affine(stored: Stored, orientation: str | None, spacing: tuple[float, ...] | None) -> Affine:
    """The file's affine, with directions and steps that the manifest gives in place of its own."""
    affine = stored.affine
    if affine is None and (orientation is None or spacing is None):
        raise BadScan("does not say how it lies in space", remedy="give 'orientation' and 'spacing' in the manifest")
    if affine is None:
        affine = np.eye(4)
    steps = np.array(spacing if spacing is not None else voxel_sizes(affine), float)
    if steps.shape != (3,):
        raise BadScan(f"is a volume, and the manifest gives {len(steps)} spacings", remedy="give three: x, y, z")
    if orientation is not None:
        affine = _upright(orientation, steps)
    elif spacing is not None:
        affine = affine @ np.diag([*(steps / voxel_sizes(affine)), 1])
    if not np.isfinite(affine).all() or not (steps > 0).all() or abs(np.linalg.det(affine)) < 1e-9:
        raise BadScan("says nonsense about how it lies in space", remedy="give 'orientation' and 'spacing'")
    return affine


def _upright(orientation: str, steps: NDArray[np.float64]) -> Affine:
    """An affine without oblique directions, from letters that say where the axes lead."""
    affine = np.zeros((4, 4))
    for axis, (target, sign) in enumerate(axcodes2ornt(tuple(orientation))):
        affine[int(target), axis] = sign * steps[axis]
    affine[3, 3] = 1
    return affine

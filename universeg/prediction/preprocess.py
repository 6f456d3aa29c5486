"""A scan as the network takes it: slices of the standard grid, quantised as a store keeps them. No torch here."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import ImageError, LoadedImage
from universeg.standardise.normalise import FlatImage, Values, normalised
from universeg.standardise.resample import Array, Grid, cut
from universeg.store.format import HALF as INSIDE

USUAL_SIZE = 128  # of the paper
HALF = 0.5  # probability from which a pixel is inside
LEAST_LEVELS = 4  # grey levels that a whole-number image must span
LEAST_SPREAD = 0.005  # standard deviation of intensities in [0, 1]
INVERTED = -0.3  # mean correlation with the support below which contrast is probably inverted


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How images are prepared and predictions made."""

    label: int | None = None
    """Value of the structure in the support masks, when they hold several (for example 255)."""
    intensity: Literal["unit", "ct", "mr"] = "unit"
    """How intensities become [0, 1]: unit, lowest to highest (photographs, microscopy, X-ray, ultrasound);
    ct, Hounsfield units from -500 to 1000; mr, without the darkest and brightest 0.5 %."""
    window: tuple[float, float] | None = None
    """Intensities LOW HIGH that become 0 and 1, in place of the rule's own (CT liver: -160 240)."""
    axis: Literal[0, 1, 2] = 2
    """Volumes: the direction to cut, 0 sagittal, 1 coronal, 2 axial."""
    slices: Literal["mid", "all"] = "mid"
    """Volumes: segment the middle slice, or every slice by the support's slices at the same relative height."""
    support_size: int = 64
    """Most support images shown to the network at once; if there are more, they are drawn."""
    ensemble: int = 1
    """Predictions to average, each with its own draw of support images."""
    size: int = 0
    """Pixels a side of what the network sees; 0: as its weights were trained, or 128 where they do not say."""
    seed: int = 0
    """Another number draws other support images."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps; auto takes a GPU if there is one."""

    def __post_init__(self) -> None:
        for name, least in (("support_size", 1), ("ensemble", 1), ("size", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"window must be LOW HIGH with LOW below HIGH, got {self.window[0]:g} {self.window[1]:g}")
        if self.axis not in (0, 1, 2) or self.slices not in ("mid", "all"):
            raise ValueError(
                f"axis must be 0, 1 or 2 and slices mid or all, got axis {self.axis}, slices {self.slices!r}"
            )


@dataclass(frozen=True)
class PreparedImage:
    """T slices of one scan on the standard grid; a picture is one slice."""

    name: str
    grid: Grid
    axis: int | None  # of a volume
    rows: NDArray[np.intp]  # (T,) where the slices lie in the cube
    images: NDArray[np.uint8]  # (T, S, S), 255 is intensity 1
    masks: NDArray[np.bool_] | None  # (T, S, S)
    digest: str  # of the intensities as read
    two_levels: bool  # whether the image has only two intensities, as a mask has

    def beside(self, other: "PreparedImage", row: int) -> int:
        """The slice at the same relative height as slice `row` of `other`."""
        return (2 * row + 1) * len(self.images) // (2 * len(other.images))


def preprocess(scan: LoadedImage, settings: Settings, mask: NDArray[np.bool_] | None = None) -> PreparedImage:
    """Apply the intensity rule to the whole scan, then cut its slices from the standard grid.

    Raises FlatImage, naming the scan, where there is no contrast to see.
    """
    values = _intensities(scan, settings)
    grid = Grid(scan.values.shape, scan.spacing, settings.size or USUAL_SIZE)
    axis = settings.axis if scan.is_volume else None
    rows = _rows(grid, axis, settings.slices)
    images = cut(values, grid.image_weights, axis, rows)
    if np.ptp(images) < LEAST_LEVELS:
        raise FlatImage(
            f"{scan.where}: the slice to segment has nearly one intensity; choose another --axis or --window"
        )
    data = np.ascontiguousarray(scan.values)
    return PreparedImage(
        name=scan.where,
        grid=grid,
        axis=axis,
        rows=rows,
        images=images,
        masks=None if mask is None else cut(mask, grid.mask_weights, axis, rows) >= INSIDE,
        digest=hashlib.sha256(f"{data.shape} {data.dtype}".encode() + data.tobytes()).hexdigest(),
        two_levels=bool(((data == data.min()) | (data == data.max())).all()),
    )


def to_image_grid(probability: Array, query: PreparedImage) -> Array:
    """Slices (T, S, S) at the scan's own samples; a volume is 0 where no slice was segmented."""
    grid, axis = query.grid, query.axis
    if axis is None:
        return np.clip(grid.back(probability[0]), 0, 1)
    cube = np.zeros((grid.size,) * 3, np.float32)
    along = np.moveaxis(cube, axis, 0)
    if len(query.rows) > 1:
        along[query.rows] = probability
        return np.clip(grid.back(cube), 0, 1)
    # One sample of the whole extent: the plane comes back as it is, wherever along the axis it lies.
    along[:] = probability
    count, step = grid.shape[axis], grid.spacing[axis]
    thick = replace(
        grid,
        shape=(*grid.shape[:axis], 1, *grid.shape[axis + 1 :]),
        spacing=(*grid.spacing[:axis], count * step, *grid.spacing[axis + 1 :]),
    )
    result = np.zeros(grid.shape, np.float32)
    place = [slice(None)] * 3
    place[axis] = slice(count // 2, count // 2 + 1)
    result[tuple(place)] = np.clip(thick.back(cube), 0, 1)
    return result


def warnings_for(query: PreparedImage, support: Sequence[PreparedImage]) -> list[str]:
    """What is probably wrong with a query and its support, in plain words."""
    found = list[str]()
    same = [entry.name for entry in support if entry.digest == query.digest]
    if same:
        found.append(
            f"this image is also a support image ({', '.join(same)}): the result says nothing about new images"
        )
    if query.two_levels:
        found.append("this image has only two intensities: is it a mask?")
    middle = query.images[len(query.images) // 2]
    likeness = [_correlation(middle, entry.images[len(entry.images) // 2]) for entry in support]
    if np.mean(likeness) < INVERTED:
        found.append(
            "contrast looks inverted relative to the support"
            f" (mean correlation {np.mean(likeness):.2f}): is dark bright here?"
        )
    return found


def support_warnings(support: Sequence[PreparedImage]) -> list[str]:
    """What is probably wrong with a support set, in plain words; ImageError if it marks nothing at all."""
    empty = [entry.name for entry in support if entry.masks is None or not entry.masks.any()]
    if len(empty) == len(support):
        raise ImageError(
            "no support mask marks anything where it is looked at; check the masks"
            " (and for volumes try --slices all or another --axis)"
        )
    found = list[str]()
    if empty:
        found.append(f"{len(empty)} of {len(support)} masks are empty where they are looked at: {', '.join(empty)}")
    masks = [entry.name for entry in support if entry.two_levels]
    if masks:
        found.append(f"support images with only two intensities (are they masks?): {', '.join(masks)}")
    return found


def _intensities(scan: LoadedImage, settings: Settings) -> Values:
    raw = scan.values.astype(np.uint8) if scan.values.dtype == np.bool_ else scan.values
    spread = int(raw.max()) - int(raw.min()) if raw.dtype.kind in "iu" else None
    try:
        values = normalised(raw, settings.intensity, settings.window)
    except FlatImage as error:
        raise FlatImage(f"{scan.where}: {error}; check the file and the intensity rule") from error
    if values.std() < LEAST_SPREAD or (spread is not None and spread < LEAST_LEVELS and scan.values.dtype != np.bool_):
        raise FlatImage(
            f"{scan.where}: nearly flat, intensities go from {raw.min():g} to {raw.max():g} with hardly any contrast;"
            " is it a mask, or a damaged image?"
        )
    return values


def _rows(grid: Grid, axis: int | None, slices: str) -> NDArray[np.intp]:
    """Which slices of the cube to take: its middle one, or all that lie within the scan."""
    if axis is None or slices == "mid":
        return np.array([grid.middle])
    within = (np.abs(np.arange(grid.size) + 0.5 - grid.size / 2)) <= grid.shape[axis] / grid.pixel[axis] / 2
    return np.flatnonzero(within) if within.any() else np.array([grid.middle])


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Of two slices, where at least one is not black; 0 if either is flat there."""
    seen = (first > 0) | (second > 0)
    a, b = first[seen].astype(np.float64), second[seen].astype(np.float64)
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and a.std() > 0 and b.std() > 0 else 0.0

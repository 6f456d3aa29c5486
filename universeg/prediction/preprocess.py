"""An image as the network sees it: slices on the standard grid, quantised as in a store. No torch here."""

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

USUAL_SIZE = 128  # pixels per side in the paper
HALF = 0.5  # a pixel is foreground from this probability on
LEAST_LEVELS = 4  # an integer image must span at least this many grey levels
LEAST_SPREAD = 0.005  # least standard deviation of an image's intensities in [0, 1]
MOST_MARKED = 0.98  # share of the pixels that a plausible mask marks at most
INVERTED = -0.3  # below this mean correlation with the support, the contrast is probably inverted


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How images are preprocessed and predictions are made."""

    label: int | None = None
    """Value of the structure in the support masks, if they hold several structures (for example 255)."""
    intensity: Literal["unit", "ct", "mr"] = "unit"
    """How intensities are mapped to [0, 1]. unit: minimum to maximum (photographs, microscopy, X-ray, ultrasound).
    ct: Hounsfield units from -500 to 1000. mr: clipped to the 0.5 and 99.5 percentiles."""
    window: tuple[float, float] | None = None
    """Intensities LOW HIGH that are mapped to 0 and 1, instead of those of --intensity (CT liver: -160 240)."""
    axis: Literal[0, 1, 2] = 2
    """Volumes: the plane of the slices. 0 sagittal, 1 coronal, 2 axial."""
    slices: Literal["mid", "all"] = "mid"
    """Volumes: segment the middle slice only, or all slices. The support set of a slice is the slices of the support
    volumes at the same relative height."""
    support_size: int = 64
    """Number of support images that the network sees at once. If there are more, they are drawn at random."""
    ensemble: int = 1
    """Number of predictions to average, each with its own random draw of support images."""
    size: int = 0
    """Pixels per side of the images that the network sees. 0: the size that its weights were trained with, or 128."""
    seed: int = 0
    """Seed of the random draws of support images."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1 or mps. auto: a GPU if there is one."""

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
    """T slices of one image on the standard grid of S x S pixels; a picture is one slice."""

    name: str
    grid: Grid
    axis: int | None  # of a volume
    rows: NDArray[np.intp]  # (T,) index of each slice in the cube
    images: NDArray[np.uint8]  # (T, S, S), 255 is intensity 1
    masks: NDArray[np.bool_] | None  # (T, S, S)
    digest: str  # of the intensities as read
    two_levels: bool  # whether the image has only two intensities, as a mask has
    notes: tuple[str, ...] = ()  # what had to be decided while reading image and mask

    def slice_at_height(self, other: "PreparedImage", row: int) -> int:
        """Index of the slice at the same relative height as slice `row` of `other`."""
        return (2 * row + 1) * len(self.images) // (2 * len(other.images))


def preprocess(scan: LoadedImage, settings: Settings, mask: NDArray[np.bool_] | None = None) -> PreparedImage:
    """Apply the intensity rule to the whole image, then cut its slices on the standard grid.

    Raises FlatImage, which names the file, if there is no contrast.
    """
    values = _intensities(scan, settings)
    grid = Grid(scan.values.shape, scan.spacing, settings.size or USUAL_SIZE)
    axis = settings.axis if scan.is_volume else None
    rows = _rows(grid, axis, settings.slices)
    images = cut(values, grid.image_weights_along(axis), axis, rows)
    if np.ptp(images) < LEAST_LEVELS:
        raise FlatImage(f"{scan.where}: the slice to segment has almost no contrast; choose another --axis or --window")
    data = np.ascontiguousarray(scan.values)
    return PreparedImage(
        name=scan.where,
        grid=grid,
        axis=axis,
        rows=rows,
        images=images,
        masks=None if mask is None else cut(mask, grid.mask_weights_along(axis), axis, rows) >= INSIDE,
        digest=hashlib.sha256(f"{data.shape} {data.dtype}".encode() + data.tobytes()).hexdigest(),
        two_levels=bool(((data == data.min()) | (data == data.max())).all()),
        notes=scan.notes,
    )


def to_image_grid(probability: Array, query: PreparedImage) -> Array:
    """Probabilities (T, S, S) on the image's own grid; a volume is 0 where no slice was segmented."""
    grid, axis = query.grid, query.axis
    if axis is None:
        return np.clip(grid.back(probability[0]), 0, 1)
    cube = np.zeros((grid.size,) * 3, np.float32)
    along = np.moveaxis(cube, axis, 0)
    if len(query.rows) > 1:
        along[query.rows] = probability
        return np.clip(grid.back(cube), 0, 1)
    # Treat the axis as one thick sample, so that the plane is resampled only within itself.
    along[:] = probability
    count, step = grid.shape[axis], grid.spacing[axis]
    thick = replace(
        grid,
        shape=(*grid.shape[:axis], 1, *grid.shape[axis + 1 :]),
        spacing=(*grid.spacing[:axis], count * step, *grid.spacing[axis + 1 :]),
    )
    result = np.zeros(grid.shape, np.float32)
    place = [slice(None)] * 3
    source = int(grid.slice_weights[axis][query.rows[0]].argmax())  # the image's own slice that was segmented
    place[axis] = slice(source, source + 1)
    result[tuple(place)] = np.clip(thick.back(cube), 0, 1)
    return result


def warnings_for(query: PreparedImage, support: Sequence[PreparedImage]) -> list[str]:
    """What is probably wrong with a query and its support set, one sentence each."""
    found = [*query.notes]
    same = [entry.name for entry in support if entry.digest == query.digest]
    if same:
        found.append(
            f"this image is also in the support set ({', '.join(same)}), so its result says nothing about new images"
        )
    if query.two_levels:
        found.append("this image has only two intensities; check that it is not a mask")
    middle = query.images[len(query.images) // 2]
    likeness = [_correlation(middle, entry.images[len(entry.images) // 2]) for entry in support]
    if np.mean(likeness) < INVERTED:
        found.append(
            "the contrast looks inverted relative to the support set"
            f" (mean correlation {np.mean(likeness):.2f}); check whether dark and bright are swapped"
        )
    return found


def support_warnings(support: Sequence[PreparedImage]) -> list[str]:
    """What is probably wrong with a support set, one sentence each; raises ImageError if all its masks are empty."""
    empty = [entry.name for entry in support if entry.masks is None or not entry.masks.any()]
    if len(empty) == len(support):
        raise ImageError(
            "all support masks are empty in the slices that are used; check the masks"
            " (for volumes, try --slices all or another --axis)"
        )
    found = list[str]()
    if empty:
        found.append(
            f"{len(empty)} of {len(support)} support masks are empty in the slices that are used: {', '.join(empty)}"
        )
    full = [entry.name for entry in support if entry.masks is not None and entry.masks.mean() > MOST_MARKED]
    if full:
        found.append(f"{len(full)} of {len(support)} support masks mark nearly the whole image: {', '.join(full)}")
    distinct = {entry.masks.tobytes() for entry in support if entry.masks is not None}
    if len(support) > 2 and len(distinct) == 1:
        found.append("all support masks are the same; check that each belongs to its image")
    found += [f"{entry.name}: {note}" for entry in support for note in entry.notes]
    masks = [entry.name for entry in support if entry.two_levels]
    if masks:
        found.append(f"support images with only two intensities; check that they are not masks: {', '.join(masks)}")
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
            f"{scan.where}: almost no contrast, intensities range from {raw.min():g} to {raw.max():g};"
            " check that it is not a mask or a damaged image"
        )
    return values


def _rows(grid: Grid, axis: int | None, slices: str) -> NDArray[np.intp]:
    """Indices of the slices of the cube to use: the middle one, or all that lie within the image."""
    if axis is None or slices == "mid":
        return np.array([grid.middle])
    within = grid.slice_weights[axis].sum(axis=1) >= 0.5  # at least half of the pixel is inside the image
    return np.flatnonzero(within) if within.any() else np.array([grid.middle])


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Correlation of two slices over the pixels that are not black in both; 0 if a slice is constant there."""
    seen = (first > 0) | (second > 0)
    a, b = first[seen].astype(np.float64), second[seen].astype(np.float64)
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and a.std() > 0 and b.std() > 0 else 0.0

"""An image as the network sees it: slices on the standard grid, quantised as in a store. No torch here.

A slice of a volume is always one slice of the person's own file, so that every count and every picture is of slices
that exist. Within the slice the pixels are those that the pipeline stores. Memory is bounded: a volume is read slice by
slice, and a large picture in bands of rows.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import LoadedImage
from universeg.prediction.settings import USUAL_SIZE, Settings
from universeg.standardise.normalise import FlatImage, limits, scaled
from universeg.standardise.resample import Array, Grid, apply, quantised
from universeg.store.format import HALF as INSIDE

HALF = 0.5  # a pixel is foreground from this probability on
LEAST_LEVELS = 4  # an integer image must span at least this many grey levels
LEAST_SPREAD = 0.005  # least standard deviation of an image's intensities in [0, 1]
BAND = 1 << 22  # samples of a picture that are processed at once
COPIED = 8  # slices copied at once into C order: three times as fast as all, since files have the first axis contiguous

Values = NDArray[np.generic]


@dataclass(frozen=True)
class PreparedImage:
    """T slices of one image on the standard grid of S x S pixels; a picture is one slice."""

    name: str
    grid: Grid
    axis: int | None  # of a volume: along which its slices lie
    rows: NDArray[np.intp]  # (T,) the number of each slice in the image, from 0
    images: NDArray[np.uint8]  # (T, S, S), 255 is intensity 1
    labels: NDArray[np.unsignedinteger] | None  # (T, S, S) value of the structure at each pixel, 0 outside
    digest: str  # of the intensities as read
    two_levels: bool  # whether the image has only two intensities, as a mask has
    notes: tuple[str, ...] = ()  # what had to be decided while reading image and mask
    tint: tuple[float, float] | None = None  # of a colour picture: the shares of red and of blue in its mean colour

    @property
    def count(self) -> int:
        """Slices of the whole image."""
        return 1 if self.axis is None else self.grid.shape[self.axis]

    @property
    def heights(self) -> NDArray[np.float64]:
        """(T,) the relative height of each slice in the image: above 0, below 1."""
        return (self.rows + 0.5) / self.count

    @property
    def flat(self) -> NDArray[np.bool_]:
        """(T,) whether a slice has no contrast, as slices beyond the body: there is nothing to see."""
        return np.array([np.ptp(image) < LEAST_LEVELS for image in self.images])

    @property
    def region(self) -> NDArray[np.bool_]:
        """Where the image lies in the network's square: (S, S). The rest is padding. A strip has at least one line."""
        shares = (self.grid.mask_weights[axis].sum(axis=1) for axis in self.plane_axes)
        first, second = (share >= min(0.5, share.max()) for share in shares)
        return np.asarray(first[:, None] & second[None])

    @property
    def plane_axes(self) -> tuple[int, int]:
        """The two axes of the image that a slice has."""
        first, second = (k for k in range(len(self.grid.shape)) if k != self.axis)
        return first, second

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Samples of a slice in the image."""
        first, second = self.plane_axes
        return self.grid.shape[first], self.grid.shape[second]

    def back(self, plane: Array, rows: slice = slice(None), columns: slice = slice(None)) -> Array:
        """Probabilities (S, S) of a slice at the image's own samples, or at these rows and columns of them."""
        first, second = (self.grid.back_weights[k] for k in self.plane_axes)
        return np.clip(apply(plane, [first[rows], second[columns]]), 0, 1)


def preprocess(
    scan: LoadedImage, settings: Settings, mask: Values | None = None, most: int | None = None
) -> PreparedImage:
    """Apply the intensity rule to the whole image, then cut its slices on the standard grid.

    `mask` is a label map of the image's shape, or where one structure is. With `most`, at most so many slices of a
    volume are used, evenly spaced, and all that are marked if few are. Raises FlatImage, which names the file, if there
    is no contrast.
    """
    ends = _limits(scan, settings)
    axis = (2 if settings.axis is None else settings.axis) if scan.is_volume else None
    grid = Grid(scan.values.shape, scan.spacing, settings.size or USUAL_SIZE)
    values = scan.values[None] if axis is None else np.moveaxis(scan.values, axis, 0)
    marks = None if mask is None else (mask[None] if axis is None else np.moveaxis(mask, axis, 0))
    rows = _rows(grid, axis, settings, marks, most)
    image_weights, mask_weights = (
        [matrix for k, matrix in enumerate(weights) if k != axis] for weights in (grid.image_weights, grid.mask_weights)
    )
    images = np.stack([quantised(_resampled(values[row], ends, image_weights)) for row in rows])
    if np.ptp(images) < LEAST_LEVELS:
        raise FlatImage(f"{scan.where}: the slices to segment have almost no contrast; choose another --window")
    low, high = scan.values.min(), scan.values.max()
    return PreparedImage(
        name=scan.where,
        grid=grid,
        axis=axis,
        rows=rows,
        images=images,
        labels=None if marks is None else _labels(marks, rows, mask_weights),
        digest=_digest(scan.values),
        two_levels=all(bool(((part == low) | (part == high)).all()) for part in _parts(scan.values)),
        notes=scan.notes,
        tint=scan.tint,
    )


def one_slice(image: PreparedImage, at: int, marks: Values | None = None) -> PreparedImage:
    """Slice `at` of the image alone; `marks` (H, W) is its label map at the image's own size."""
    weights = [image.grid.mask_weights[axis] for axis in image.plane_axes]
    one = slice(at, at + 1)
    labels = None if marks is None else _labels(marks[None], np.array([0]), weights)
    return replace(image, rows=image.rows[one], images=image.images[one], labels=labels)


def _limits(scan: LoadedImage, settings: Settings) -> tuple[float, float]:
    """The intensities that become 0 and 1; raises FlatImage if there is no contrast between them."""
    raw = _numbers(scan.values)
    try:
        ends = limits(raw, settings.intensity, settings.window)
    except FlatImage as error:
        raise FlatImage(f"{scan.where}: {error}; check the file, or choose another --intensity or --window") from error
    spread = int(raw.max()) - int(raw.min()) if raw.dtype.kind in "iu" else None
    sums = np.zeros(2)
    for part in _parts(raw):
        values = scaled(part, ends).astype(np.float64)
        sums += values.sum(), np.square(values).sum()
    mean, square = sums / raw.size
    few_levels = spread is not None and spread < LEAST_LEVELS and scan.values.dtype != np.bool_
    if max(square - mean**2, 0) < LEAST_SPREAD**2 or few_levels:
        raise FlatImage(
            f"{scan.where}: almost no contrast, intensities range from {raw.min():g} to {raw.max():g};"
            " check that it is not a mask or a damaged image"
        )
    return ends


def _rows(grid: Grid, axis: int | None, settings: Settings, marks: Values | None, most: int | None) -> NDArray[np.intp]:
    """The slices to use: all, or the one in the middle of the grid."""
    if axis is None:
        return np.array([0])
    if settings.slices == "mid" and marks is None:
        return np.array([int(grid.slice_weights[axis][grid.middle].argmax())])
    every = np.arange(grid.shape[axis])
    if most is None or len(every) <= most:
        return every
    even = np.linspace(0, len(every) - 1, most).round().astype(np.intp)
    marked = np.array([] if marks is None else [row for row in every if marks[row].any()], np.intp)
    return np.union1d(even, marked) if len(marked) <= most else even


def _resampled(plane: Values, ends: tuple[float, float], weights: list[Array]) -> Array:
    """One slice in [0, 1] on the standard grid: (S, S)."""
    plane = _numbers(plane)
    if plane.size <= BAND:
        return apply(scaled(plane, ends), weights)
    narrow = [np.tensordot(scaled(part, ends), weights[1], axes=(1, 1)) for part in _parts(plane)]
    return np.asarray(weights[0] @ np.concatenate(narrow), np.float32)


def _labels(marks: Values, rows: NDArray[np.intp], weights: list[Array]) -> NDArray[np.unsignedinteger]:
    """Where a structure covers at least half of a pixel, its value; `marks` (slices, ...) has the slices first."""
    size = len(weights[0])
    found = np.zeros((len(rows), size, size), np.min_scalar_type(int(marks.max())))
    for at, row in enumerate(rows):
        plane = marks[row]
        for value in np.unique(plane[plane != 0]):
            found[at][quantised(_coverage(plane, value, weights)) >= INSIDE] = value
    return found


def _coverage(plane: Values, value: np.generic, weights: list[Array]) -> Array:
    if plane.size <= BAND:
        return apply(plane == value, weights)
    narrow = [np.tensordot((part == value).astype(np.float32), weights[1], axes=(1, 1)) for part in _parts(plane)]
    return np.asarray(weights[0] @ np.concatenate(narrow), np.float32)


def _parts(values: Values) -> Iterator[Values]:
    """The samples in parts along the first axis, none much larger than BAND."""
    step = max(1, BAND * len(values) // values.size)
    return (values[start : start + step] for start in range(0, len(values), step))


def _numbers(values: Values) -> Values:
    return values.astype(np.uint8) if values.dtype == np.bool_ else values


def _digest(values: Values) -> str:
    digest = hashlib.sha256(f"{values.shape} {values.dtype}".encode())
    for part in _parts(values):
        digest.update(_in_c_order(part).data)
    return digest.hexdigest()


def _in_c_order(values: Values) -> Values:
    if values.flags.c_contiguous:
        return values
    ordered = np.empty(values.shape, values.dtype)
    for start in range(0, values.shape[-1], COPIED):
        ordered[..., start : start + COPIED] = values[..., start : start + COPIED]
    return ordered

"""Resample a scan to the standard grid: a square (2-D) or cube (3-D) with `size` pixels per side.

Four steps are combined: make pixels isotropic, pad to a square, smooth against aliasing, resize. All are linear and
separable, so one matrix for each axis does them together. An axis that shrinks is averaged over the extent of each
result pixel; this avoids aliasing and changes nothing at equal size. An axis that grows is interpolated linearly.
Masks are always averaged, which gives coverage: the fraction of the pixel inside the label. Outside the scan is 0.

The axis along which a volume is sliced has its own rule, which is the same for images and masks. If its samples are not
closer together than pixels, a slice of the result is one slice of the scan, never a mixture of two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
GEOMETRIES = ("isotropic", "stretch")
ROUNDING = 1e-6  # differences of positions, in samples or pixels, that are rounding errors


@dataclass(frozen=True)
class Grid:
    """Where the pixels of the standard grid lie in a scan. Each axis is independent of the others.

    Raises ValueError for an unknown geometry, an empty shape or a spacing that is not positive.
    """

    shape: tuple[int, ...]  # samples along each axis of the scan
    spacing: tuple[float, ...]  # distance between samples along each axis, in mm or any other unit
    size: int  # pixels along each axis of the result
    geometry: str = "isotropic"  # keep proportions and pad; or "stretch" each axis to fill the result

    def __post_init__(self) -> None:
        if self.geometry not in GEOMETRIES:
            raise ValueError(f"unknown geometry {self.geometry!r}; known: {', '.join(GEOMETRIES)}")
        if len(self.shape) != len(self.spacing) or min(self.shape, default=0) < 1 or not min(self.spacing) > 0:
            raise ValueError(
                f"a grid needs samples and a positive spacing on each axis, got {self.shape} and {self.spacing}"
            )

    @cached_property
    def pixel(self) -> tuple[float, ...]:
        """Extent of one result pixel along each axis, in samples of the scan."""
        extents = [n * step for n, step in zip(self.shape, self.spacing, strict=True)]
        if self.geometry == "stretch":
            return tuple(n / self.size for n in self.shape)
        side, voxel = max(extents), self._voxel
        # Enlarged: the centres of the outermost voxels and pixels coincide. A scan of one sample may be a single voxel.
        if 1.5 * voxel < side < self.size * voxel:
            pitch = (side - voxel) / (self.size - 1)
        else:
            pitch = side / self.size
        return tuple(pitch / step for step in self.spacing)

    @property
    def _voxel(self) -> float:
        """Side of an isotropic voxel: one millimetre, or the finest sample if that is finer."""
        return min(1.0, *self.spacing)

    @cached_property
    def image_weights(self) -> tuple[Array, ...]:
        """For each axis a matrix (size, samples) for intensities. Rows sum to 1 inside the scan."""
        return tuple(self._mean(k) if self.pixel[k] >= 1 else self._linear(k) for k in range(len(self.shape)))

    @cached_property
    def mask_weights(self) -> tuple[Array, ...]:
        """For each axis a matrix (size, samples) for masks. It keeps the area of a mask that is inside the result."""
        return tuple(self._mean(axis) for axis in range(len(self.shape)))

    @cached_property
    def slice_weights(self) -> tuple[Array, ...]:
        """For each axis a matrix (size, samples) that gives slices along it, of images and of masks.

        Where samples are not closer together than pixels, each row takes one sample. Where they are closer, each row is
        the mean of the samples in the pixel's extent.
        """
        axes = range(len(self.shape))
        return tuple(self._nearest(k) if self.pixel[k] <= 1 + ROUNDING else self._mean(k) for k in axes)

    @cached_property
    def back_weights(self) -> tuple[Array, ...]:
        """For each axis a matrix (samples, size) that gives values at the scan's own samples."""
        return tuple(self._inverse(axis) for axis in range(len(self.shape)))

    def image_weights_along(self, axis: int | None) -> tuple[Array, ...]:
        """The matrices for slices of an image along `axis`; None for a picture, which is not sliced."""
        return self._with_slices(self.image_weights, axis)

    def mask_weights_along(self, axis: int | None) -> tuple[Array, ...]:
        """The matrices for slices of a mask along `axis`; None for a picture, which is not sliced."""
        return self._with_slices(self.mask_weights, axis)

    @property
    def middle(self) -> int:
        """Index of the middle slice: 64 of 128."""
        return self.size // 2

    def image(self, values: NDArray[np.generic], axis: int | None = None) -> Array:
        """Intensities on the result grid, (size, size) or (size, size, size); `axis` is that of the slices."""
        return apply(values, self.image_weights_along(axis))

    def mask(self, inside: NDArray[np.generic], axis: int | None = None) -> Array:
        """Coverage in [0, 1] on the result grid, of a mask with values 0 and 1; `axis` is that of the slices."""
        return np.clip(apply(inside, self.mask_weights_along(axis)), 0, 1)

    def back(self, result: Array) -> Array:
        """Values on the result grid, interpolated linearly at the scan's own samples: shape `self.shape`."""
        return apply(result, self.back_weights)

    def _with_slices(self, weights: tuple[Array, ...], axis: int | None) -> tuple[Array, ...]:
        return tuple(self.slice_weights[k] if k == axis else matrix for k, matrix in enumerate(weights))

    def _edges(self, axis: int) -> NDArray[np.float64]:
        """The size + 1 borders of the result pixels, in samples; sample j covers [j - 1/2, j + 1/2]."""
        return self._centre(axis) + np.linspace(-self.size / 2, self.size / 2, self.size + 1) * self.pixel[axis]

    def _centre(self, axis: int) -> float:
        """The position at the middle of the result, in samples.

        The original builder resampled to isotropic voxels of 1 mm (or the finest spacing) around the lower of the two
        middle samples, and then padded by whole voxels, with one less before than after if the number is odd. This
        shifts the middle slightly. With thick slices the shift decides which slice is the middle one.
        The same shift is applied here, limited so that the scan stays inside the result. 0.501 instead of 0.5 makes
        a half round in the same direction despite rounding errors.
        """
        samples, step = self.shape[axis], self.spacing[axis]
        voxel = self._voxel
        voxels = [max(1, math.ceil(n * s / voxel - 0.501)) for n, s in zip(self.shape, self.spacing, strict=True)]
        before = (max(voxels) - voxels[axis]) // 2 + (voxels[axis] - 1) // 2
        shift = (samples - 1) // 2 - (samples - 1) / 2 + ((max(voxels) - 1) / 2 - before) * voxel / step
        room = max(0.0, (self.pixel[axis] * self.size - samples) / 2)
        return (samples - 1) / 2 + min(max(shift, -room), room)

    def _clipped_edges(self, axis: int) -> NDArray[np.float64]:
        """The borders of the result pixels, clipped to the scan."""
        return np.clip(self._edges(axis), -0.5, self.shape[axis] - 0.5)

    def _mean(self, axis: int) -> Array:
        """Weights of the mean over each pixel's extent, with each sample constant over its own extent."""
        covered_up_to = np.clip(self._clipped_edges(axis)[:, None] - np.arange(self.shape[axis]) + 0.5, 0, 1)
        shares: Array = (np.diff(covered_up_to, axis=0) / self.pixel[axis]).astype(np.float32)
        return shares

    def _linear(self, axis: int) -> Array:
        """Weights of linear interpolation at each pixel's centre, times the fraction of the pixel inside the scan."""
        edges, covered = self._edges(axis), np.diff(self._clipped_edges(axis)) / self.pixel[axis]
        weights: Array = (_tent((edges[:-1] + edges[1:]) / 2, self.shape[axis]) * covered[:, None]).astype(np.float32)
        return weights

    def _nearest(self, axis: int) -> Array:
        """Weights that take the sample nearest to each pixel's centre, the lower of two; 0 outside the scan."""
        edges, inside = self._edges(axis), np.diff(self._clipped_edges(axis)) > ROUNDING
        nearest = np.ceil((edges[:-1] + edges[1:]) / 2 - 0.5 - ROUNDING).clip(0, self.shape[axis] - 1)
        weights: Array = ((nearest[:, None] == np.arange(self.shape[axis])) & inside[:, None]).astype(np.float32)
        return weights

    def _inverse(self, axis: int) -> Array:
        """Weights (samples, size) of linear interpolation between pixels at each sample's centre."""
        first = self._edges(axis)[0]
        at = (np.arange(self.shape[axis]) - first) / self.pixel[axis] - 0.5  # sample centres, in result pixels
        weights: Array = _tent(at, self.size).astype(np.float32)
        return weights


def cut(
    values: NDArray[np.generic], weights: Sequence[Array], axis: int | None, rows: Sequence[int] | NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Slices `rows` along `axis` of the resampled `values`: uint8 (rows, size, size), 0..255 for [0, 1].

    `weights` are those of the grid along `axis`. The result equals slicing the whole resampled volume, but only these
    slices are computed. For a 2-D image `axis` is None, and the result has one slice.
    """
    if axis is None:
        return quantised(apply(values, weights)[None])
    chosen = [matrix[rows] if k == axis else matrix for k, matrix in enumerate(weights)]
    return quantised(np.moveaxis(apply(values, chosen), axis, 0))


def quantised(values: Array) -> NDArray[np.uint8]:
    """[0, 1] as uint8 0..255, rounded. Stores keep images in this form, and the network receives them so."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def apply(values: NDArray[np.generic], weights: Sequence[Array]) -> Array:
    """Multiply each axis of `values` by its matrix: the axis that shrinks most first. Unused samples are not read."""
    result = values
    for axis in sorted(range(values.ndim), key=lambda k: weights[k].shape[0] / weights[k].shape[1]):
        used = np.flatnonzero(weights[axis].any(axis=0))
        span = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        slab = np.asarray(result[(slice(None),) * axis + (span,)], np.float32)
        result = np.moveaxis(np.tensordot(weights[axis][:, span], slab, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)


def _tent(at: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """Weights (positions, samples) of linear interpolation; positions outside take the outermost sample."""
    weights: NDArray[np.float64] = np.maximum(0, 1 - np.abs(np.clip(at, 0, samples - 1)[:, None] - np.arange(samples)))
    return weights

"""From a scan's own grid to a square (2-D) or cube (3-D) of `size` pixels a side, in one composed resampling.

Making pixels isotropic, padding to a square, smoothing against aliasing and resizing are all linear and separate
along the axes. So each axis has one matrix. Where an axis shrinks, a pixel is the mean of the image over its own
extent, so nothing aliases and nothing changes at equal size; where it grows, the image is interpolated linearly. A
mask is always averaged, which makes it coverage: the share of the pixel inside the label. Outside the scan is 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
GEOMETRIES = ("isotropic", "stretch")


@dataclass(frozen=True)
class Grid:
    """Where the pixels of the standard grid lie in a scan; axes are independent."""

    shape: tuple[int, ...]  # samples along each axis of the scan
    spacing: tuple[float, ...]  # distance of samples along each axis, any unit
    size: int  # pixels along each axis of the result
    geometry: str = "isotropic"  # keep shapes and pad, or "stretch" every axis to fill

    def __post_init__(self) -> None:
        if self.geometry not in GEOMETRIES:
            raise ValueError(f"unknown geometry {self.geometry!r}; known: {', '.join(GEOMETRIES)}")
        if len(self.shape) != len(self.spacing) or min(self.shape, default=0) < 1 or not min(self.spacing) > 0:
            raise ValueError(f"a grid needs samples and a positive spacing on each axis: {self.shape}, {self.spacing}")

    @cached_property
    def pixel(self) -> tuple[float, ...]:
        """Extent of one result pixel along each axis, in samples of the scan."""
        extents = [n * step for n, step in zip(self.shape, self.spacing, strict=True)]
        if self.geometry == "stretch":
            return tuple(n / self.size for n in self.shape)
        side, voxel = max(extents), self._voxel
        if voxel < side < self.size * voxel:  # enlarged: the outermost voxels' centres are the outermost pixels'
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
        """For each axis a (size, samples) matrix for intensities; rows sum to 1 inside the scan."""
        return tuple(self._mean(k) if self.pixel[k] >= 1 else self._linear(k) for k in range(len(self.shape)))

    @cached_property
    def mask_weights(self) -> tuple[Array, ...]:
        """For each axis a (size, samples) matrix for masks; columns sum to samples per pixel, so area is kept."""
        return tuple(self._mean(axis) for axis in range(len(self.shape)))

    @property
    def middle(self) -> int:
        """Index of the middle slice: 64 of 128."""
        return self.size // 2

    def image(self, values: NDArray[np.generic]) -> Array:
        """Intensities on the whole result grid."""
        return apply(values, self.image_weights)

    def mask(self, inside: NDArray[np.generic]) -> Array:
        """Coverage in [0, 1] on the whole result grid."""
        return np.clip(apply(inside, self.mask_weights), 0, 1)

    def back(self, result: Array) -> Array:
        """Values of a result at the scan's own sample centres, interpolated linearly: shape `self.shape`."""
        return apply(result, [self._inverse(axis) for axis in range(len(self.shape))])

    def _edges(self, axis: int) -> NDArray[np.float64]:
        """Borders of the result pixels, in samples; sample j covers [j - 1/2, j + 1/2]."""
        return self._centre(axis) + np.linspace(-self.size / 2, self.size / 2, self.size + 1) * self.pixel[axis]

    def _centre(self, axis: int) -> float:
        """Sample at the middle of the result: the scan's own, but for what padding by whole voxels moves it.

        As the original builder's: isotropic voxels of one millimetre (or a finer sample) around the lower of two middle
        samples, then as many before as after, or one less. In thick slices that is half a slice, so it decides which
        is the middle one. Nothing is moved out of the result. (0.501: a half is a half, whatever its last digit.)
        """
        samples, step = self.shape[axis], self.spacing[axis]
        voxel = self._voxel
        voxels = [max(1, math.ceil(n * s / voxel - 0.501)) for n, s in zip(self.shape, self.spacing, strict=True)]
        before = (max(voxels) - voxels[axis]) // 2 + (voxels[axis] - 1) // 2
        moved = (samples - 1) // 2 - (samples - 1) / 2 + ((max(voxels) - 1) / 2 - before) * voxel / step
        room = max(0.0, (self.pixel[axis] * self.size - samples) / 2)
        return (samples - 1) / 2 + min(max(moved, -room), room)

    def _inside(self, axis: int) -> NDArray[np.float64]:
        """The same borders, moved to the scan's own where they lie outside."""
        return np.clip(self._edges(axis), -0.5, self.shape[axis] - 0.5)

    def _mean(self, axis: int) -> Array:
        """Mean over each pixel's extent of samples that are constant over theirs."""
        upto = np.clip(self._inside(axis)[:, None] - np.arange(self.shape[axis]) + 0.5, 0, 1)
        shares: Array = (np.diff(upto, axis=0) / self.pixel[axis]).astype(np.float32)
        return shares

    def _linear(self, axis: int) -> Array:
        """Linear interpolation at each pixel's centre, times the share of the pixel that the scan covers."""
        edges, covered = self._edges(axis), np.diff(self._inside(axis)) / self.pixel[axis]
        weights: Array = (_tent((edges[:-1] + edges[1:]) / 2, self.shape[axis]) * covered[:, None]).astype(np.float32)
        return weights

    def _inverse(self, axis: int) -> Array:
        first = self._edges(axis)[0]
        at = (np.arange(self.shape[axis]) - first) / self.pixel[axis] - 0.5  # sample centres, in result pixels
        weights: Array = _tent(at, self.size).astype(np.float32)
        return weights


def cut(
    values: NDArray[np.generic], weights: Sequence[Array], axis: int | None, rows: Sequence[int] | NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Slices `rows` along `axis` of the resampled `values`, first in the result, [0, 1] as 0..255.

    Equals slicing the whole result, computing only what is asked for. Without an axis: a picture, as its one slice.
    """
    if axis is None:
        return quantised(apply(values, weights)[None])
    chosen = [matrix[rows] if k == axis else matrix for k, matrix in enumerate(weights)]
    return quantised(np.moveaxis(apply(values, chosen), axis, 0))


def quantised(values: Array) -> NDArray[np.uint8]:
    """[0, 1] as 0..255, to the nearest step: what stores keep and the network is given."""
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def apply(values: NDArray[np.generic], weights: Sequence[Array]) -> Array:
    """Multiply each axis of `values` by its matrix, the axis that shrinks most first; unused samples are not read."""
    result = values
    for axis in sorted(range(values.ndim), key=lambda k: weights[k].shape[0] / weights[k].shape[1]):
        used = np.flatnonzero(weights[axis].any(axis=0))
        span = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        slab = np.asarray(result[(slice(None),) * axis + (span,)], np.float32)
        result = np.moveaxis(np.tensordot(weights[axis][:, span], slab, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)


def _tent(at: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
    """(positions, samples) weights of linear interpolation; beyond the outermost samples these continue."""
    weights: NDArray[np.float64] = np.maximum(0, 1 - np.abs(np.clip(at, 0, samples - 1)[:, None] - np.arange(samples)))
    return weights

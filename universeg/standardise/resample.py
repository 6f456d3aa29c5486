"""From a scan's own grid to a square (2-D) or cube (3-D) of `size` pixels a side, in one composed resampling.

Making pixels isotropic, padding to a square, smoothing against aliasing and resizing are all linear and separate
along the axes. So each axis has one matrix, and a pixel of the result is the mean, over its own extent, of the
image interpolated linearly between sample centres. A mask is constant within each sample instead, so its mean is
coverage: the share of the pixel inside the label. What lies outside the scan counts as 0.
"""

from collections.abc import Callable, Sequence
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
        sides = [max(extents)] * len(extents) if self.geometry == "isotropic" else extents
        return tuple(side / self.size / step for side, step in zip(sides, self.spacing, strict=True))

    @cached_property
    def image_weights(self) -> tuple[Array, ...]:
        """For each axis a (size, samples) matrix for intensities; rows sum to 1 inside the scan."""
        return tuple(self._weights(axis, _under_tent, reach=1) for axis in range(len(self.shape)))

    @cached_property
    def mask_weights(self) -> tuple[Array, ...]:
        """For each axis a (size, samples) matrix for masks; columns sum to samples per pixel, so area is kept."""
        return tuple(self._weights(axis, _under_box, reach=0) for axis in range(len(self.shape)))

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
        middle = (self.shape[axis] - 1) / 2
        return middle + np.linspace(-self.size / 2, self.size / 2, self.size + 1) * self.pixel[axis]

    def _weights(self, axis: int, under: Callable[[NDArray[np.float64]], NDArray[np.float64]], reach: int) -> Array:
        n = self.shape[axis]
        edges = np.clip(self._edges(axis), -0.5, n - 0.5)  # outside the scan is 0
        at = np.arange(-reach, n + reach)
        share = np.diff(under(edges[:, None] - at), axis=0) / self.pixel[axis]
        inner = share[:, reach : n + reach].copy()
        inner[:, 0] += share[:, :reach].sum(1)  # the outermost half samples continue their nearest sample
        inner[:, -1] += share[:, n + reach :].sum(1)
        weights: Array = inner.astype(np.float32)
        return weights

    def _inverse(self, axis: int) -> Array:
        first = self._edges(axis)[0]
        at = (np.arange(self.shape[axis]) - first) / self.pixel[axis] - 0.5  # sample centres, in result pixels
        at = np.clip(at, 0, self.size - 1)
        weights: Array = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(self.size))).astype(np.float32)
        return weights


def apply(values: NDArray[np.generic], weights: Sequence[Array]) -> Array:
    """Multiply each axis of `values` by its matrix, the axis that shrinks most first."""
    result = np.asarray(values, np.float32)
    for axis in sorted(range(result.ndim), key=lambda k: weights[k].shape[0] / weights[k].shape[1]):
        result = np.moveaxis(np.tensordot(weights[axis], result, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)


def _under_tent(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area up to t under linear interpolation's weight of one sample, a tent of half-width 1."""
    t = np.clip(t, -1, 1)
    return 0.5 + t - np.sign(t) * t**2 / 2


def _under_box(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area up to t under the extent of one sample, a box of half-width 1/2."""
    return np.clip(t + 0.5, 0, 1)

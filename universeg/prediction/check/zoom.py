"""Whether a folder of images shows structures larger or smaller than the examples do. No torch here.

The central half of each example is what the example looks like at twice the zoom. A linear discriminant between whole
examples and their centres gives a scale, on which each image gets a place. One image says little, since images of one
zoom differ; the mean of several says more. The limits are from docs/how-to/check-examples.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from universeg.prediction.check.findings import Finding

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RINGS = np.array([1, 1.5, 2.2, 3.2, 4.5, 6.4, 9, 13, 18, 26])  # of spatial frequencies, in cycles per side
QUANTILES = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
FRAMES = 4  # from the centre to the border, of which the mean grey level is compared
SHRINKAGE = 0.5  # of the covariance towards its diagonal, since there are fewer examples than features
FLOOR = 1e-3  # least variance of a feature
LEAST = 6  # examples, and images
LEAST_SIDE = 16  # pixels of an image on the network's grid
LEAST_SHIFT = 0.4  # of the way from a whole example to its centre
LEAST_SIGMA, MORE_SIGMA = 3.0, 6.0  # standard errors of the shift: at least the first, and the second by the count more


@dataclass(frozen=True)
class Views:
    """What is compared of an image, and of its central half, at the same number of pixels."""

    whole: Floats
    centre: Floats

    @classmethod
    def of(cls, image: NDArray[np.uint8], region: Mask) -> Self | None:
        """Of a slice (S, S); the region (S, S) is where the image is not padding. None for a narrow strip."""
        rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
        side = min(len(rows), len(columns)) // 4 * 4
        if side < LEAST_SIDE:
            return None
        top, left = rows[0] + (len(rows) - side) // 2, columns[0] + (len(columns) - side) // 2
        square = image[top : top + side, left : left + side].astype(np.float64)
        half, quarter = side // 2, side // 4
        whole = square.reshape(half, 2, half, 2).mean(axis=(1, 3))
        return cls(_features(whole), _features(square[quarter : quarter + half, quarter : quarter + half]))


def zoom_findings(images: Sequence[Views], examples: Sequence[Views]) -> list[Finding]:
    """Whether the images, as a whole, are at another zoom; at most one finding."""
    if min(len(images), len(examples)) < LEAST:
        return []
    whole, centre = (np.stack([getattr(one, what) for one in examples]) for what in ("whole", "centre"))
    scale = _Scale.between(whole, centre)
    seen = np.array([scale.place(one) for one in images])
    usual = np.array(
        [
            _Scale.between(np.delete(whole, at, axis=0), np.delete(centre, at, axis=0)).place(one)
            for at, one in enumerate(examples)
        ]
    )
    shift = float(seen.mean() - usual.mean())
    spread = float(np.sqrt((seen.var(ddof=1) + usual.var(ddof=1)) / 2))
    error = spread * np.sqrt(1 / len(seen) + 1 / len(usual))
    limit = LEAST_SIGMA + MORE_SIGMA / min(len(seen), len(usual))
    if abs(shift) < LEAST_SHIFT or abs(shift) < limit * error:
        return []
    larger = "larger" if shift > 0 else "smaller"
    return [
        Finding(
            f"the images as a whole look unlike the examples, as at another zoom: what they show is probably {larger}",
            "crop or scale them so that the structure fills as much of the image as in the examples",
        )
    ]


@dataclass(frozen=True)
class _Scale:
    """A line on which a whole example is at 0 and its centre at 1."""

    direction: Floats
    start: float

    @classmethod
    def between(cls, whole: Floats, centre: Floats) -> Self:
        """Fisher's linear discriminant between (n, features) each."""
        way = centre.mean(axis=0) - whole.mean(axis=0)
        off = np.concatenate([whole - whole.mean(axis=0), centre - centre.mean(axis=0)])
        covariance = off.T @ off / (len(off) - 2)
        shrunk = (1 - SHRINKAGE) * covariance + np.diag(SHRINKAGE * np.diag(covariance) + FLOOR)
        direction = np.linalg.solve(shrunk, way)
        direction /= float(direction @ way)
        return cls(direction, float(whole.mean(axis=0) @ direction))

    def place(self, image: Views) -> float:
        """How far an image is enlarged: 0 as the examples, 1 twice as large, -1 half as large."""
        return float((image.whole + image.centre) @ self.direction - 2 * self.start - 1)


def _features(square: Floats) -> Floats:
    """Of standardised grey levels (s, s): power by spatial frequency, quantiles, and means from centre to border."""
    side = len(square)
    values = (square - square.mean()) / (square.std() + 1e-6)
    window = np.hanning(side)
    power = np.abs(np.fft.fft2(values * window[:, None] * window)) ** 2 / side**2
    along = np.fft.fftfreq(side) * side
    ring = np.digitize(np.hypot(along[:, None], along), RINGS)
    rings = [power[ring == at].mean() if (ring == at).any() else 0.0 for at in range(1, len(RINGS))]
    away = np.abs(np.arange(side) - (side - 1) / 2) / (side / 2)
    frame = (np.maximum(away[:, None], away) * FRAMES).astype(int)
    means = [values[frame == at].mean() for at in range(FRAMES)]
    return np.concatenate([np.log(np.array(rings) + 1e-4), np.quantile(values, QUANTILES), means])

"""A logarithmic curve through points, with the 95 % interval of curves through bootstrap samples (paper, figure 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for

SAMPLES = 1000


@dataclass(frozen=True)
class LogFit:
    """y = intercept + slope log(x), and its interval at some values of x."""

    intercept: float
    slope: float
    x: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __str__(self) -> str:
        return f"{self.intercept:.1f} {'-' if self.slope < 0 else '+'} {abs(self.slope):.1f} log(tasks)"

    @property
    def y(self) -> NDArray[np.float64]:
        """The curve at `x`."""
        return self.intercept + self.slope * np.log(self.x)


def log_fit(x: Sequence[float], y: Sequence[float], seed: int = 0) -> LogFit | None:
    """The least-squares fit; None if there are fewer than two different values of x, all of which must be above 0."""
    points, values = np.log(np.asarray(x, float)), np.asarray(y, float)
    if len(set(x)) < 2:
        return None
    slope, intercept = np.polyfit(points, values, 1)
    at = np.geomspace(min(x), max(x), 100)
    rng, curves = rng_for("log fit", seed), list[NDArray[np.float64]]()
    for _ in range(SAMPLES):
        chosen = rng.integers(len(points), size=len(points))
        if np.ptp(points[chosen]):  # a sample of one point alone has no curve
            steepness, start = np.polyfit(points[chosen], values[chosen], 1)
            curves.append(start + steepness * np.log(at))
    low, high = np.percentile(curves, [2.5, 97.5], axis=0)
    return LogFit(float(intercept), float(slope), at, low, high)

"""How good a single result probably is, calibrated by leave-one-out. No torch here.

The probability map says which Dice its own mask can expect, if the probabilities are right. On seven public sets the
order of this figure follows the true Dice about as well as the agreement of mirrored or repeated predictions, which
cost more work. Ensembles and mirroring make the map softer where they disagree, so it covers them too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from universeg.prediction.check.leave_one_out import Estimate
from universeg.standardise.resample import Array

SLOPE = 100.0  # Dice by sureness without leave-one-out: both are the same scale, 0..100 and 0..1
WEIGHT = 4  # trials of the usual spread that the slope without leave-one-out counts as
SPREAD = 0.05  # usual standard deviation of sureness within a task


def sureness(probability: Array, winners: NDArray[np.uint8]) -> float:
    """The Dice, 0..1, that the probabilities (L, T, S, S) expect of their own label map (T, S, S); 0 if it is empty.

    The mean over the structures in the label map, each over the slices that have it.
    """
    found = list[float]()
    for at, chances in enumerate(probability):
        mask = winners == at + 1
        rows = mask.any(axis=(1, 2))
        if rows.any():
            inside, every = chances[mask].sum(), chances[rows].sum()
            found.append(float(2 * inside / (every + np.count_nonzero(mask))))
    return float(np.mean(found)) if found else 0.0


@dataclass(frozen=True)
class Calibration:
    """From sureness to expected Dice, by a line through the trials of leave-one-out."""

    sureness: float  # mean of the trials
    dice: float  # mean of the trials, 0..100
    slope: float

    @classmethod
    def of(cls, estimate: Estimate) -> "Calibration":
        """Fit a line; with few trials its slope is near SLOPE."""
        sure = np.array([sureness(trial.probability, trial.winners) for trial in estimate.trials])
        dice = np.array([trial.dice for trial in estimate.trials])
        off, prior = sure - sure.mean(), WEIGHT * SPREAD**2
        slope = float(((off * (dice - dice.mean())).sum() + prior * SLOPE) / ((off**2).sum() + prior))
        return cls(float(sure.mean()), float(dice.mean()), max(0.0, slope))

    def expected(self, sure: float) -> float:
        """Expected Dice, 0..100, of a result with this sureness."""
        return float(np.clip(self.dice + self.slope * (sure - self.sureness), 0, 100))

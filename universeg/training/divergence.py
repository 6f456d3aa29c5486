"""Detect a diverged training: its loss has risen far above its lowest level."""

from collections import deque
from math import inf
from statistics import fmean

RECENT = 200  # steps per mean; with one task per step, such means still vary by 40 % in a healthy run


class LossMonitor:
    """Receives the loss of every step, and warns once if training has lost most of its progress.

    It compares the mean of the latest RECENT losses with the lowest such mean so far. It warns if the mean is 1.5
    times the lowest, and also halfway from there to 1, the soft Dice loss of an empty prediction. The second condition
    is for small losses: these may double without harm.
    """

    def __init__(self) -> None:
        self._recent, self._lowest, self._warned = deque[float](maxlen=RECENT), inf, False

    def update(self, loss: float) -> str:
        """Add the loss of one step; returns a warning, or an empty string."""
        self._recent.append(loss)
        if self._warned or len(self._recent) < RECENT:
            return ""
        mean = fmean(self._recent)
        self._lowest = min(self._lowest, mean)
        self._warned = mean > max(1.5 * self._lowest, (self._lowest + 1) / 2)
        if not self._warned:
            return ""
        return (
            f"the loss has diverged: its mean over {RECENT} steps is {mean:.2f}, the lowest mean was"
            f" {self._lowest:.2f}. Stop this run, and start another one from earlier weights (--init"
            " best.safetensors) with a smaller --learning-rate or a larger --batch-size"
        )

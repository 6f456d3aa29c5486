"""Notice that a training is lost: its loss has risen far above what it had reached."""

from collections import deque
from math import inf
from statistics import fmean

RECENT = 200  # steps a mean is taken over; with one task a step such means still differ by two fifths


class LossMonitor:
    """Sees the loss of every step, and tells once if training has lost most of what it had reached.

    That is, the mean over the latest steps is half as high again as the lowest such mean, and half of the way from
    there to 1, the soft Dice loss of an empty answer. Small losses may double and are as good as before.
    """

    def __init__(self) -> None:
        self._recent, self._lowest, self._told = deque[float](maxlen=RECENT), inf, False

    def update(self, loss: float) -> str:
        """What to tell after one more loss; most often nothing."""
        self._recent.append(loss)
        if self._told or len(self._recent) < RECENT:
            return ""
        mean = fmean(self._recent)
        self._lowest = min(self._lowest, mean)
        self._told = mean > max(1.5 * self._lowest, (self._lowest + 1) / 2)
        if not self._told:
            return ""
        return (
            f"the loss has collapsed: its mean over {RECENT} steps is {mean:.2f} and was {self._lowest:.2f} before."
            " Better stop, and begin another run with a smaller --learning-rate or a larger --batch-size, by --init"
            " from weights of before (such as best.safetensors)"
        )

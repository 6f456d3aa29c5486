"""The learning-rate schedule."""

from math import cos, inf, pi
from time import monotonic
from typing import Literal

Schedule = Literal["constant", "cosine"]


def learning_rate(step: int, steps: int, highest: float, schedule: Schedule, warmup: int) -> float:
    """The rate of a step, 1 to `steps`: it rises linearly for `warmup` steps, then stays or falls as half a cosine.

    It depends on the step alone, so a resumed run needs no state of the schedule.
    """
    if step <= warmup:
        return highest * step / warmup
    if schedule == "constant":
        return highest
    return highest * (1 + cos(pi * (step - warmup) / (steps - warmup + 1))) / 2


class TimeLimit:
    """The minutes of a call, from now on. In the last part of them, `cooldown`, the learning rate falls to 0."""

    def __init__(self, minutes: float, cooldown: float = 0.0) -> None:
        self._began, self._seconds, self._cooldown = monotonic(), 60 * minutes or inf, cooldown

    def is_over(self) -> bool:
        return self._left() <= 0

    def share_of_rate(self) -> float:
        """What the rate is multiplied with: 1, and then falling linearly to 0."""
        return min(1.0, self._left() / self._cooldown) if self._cooldown else 1.0

    def _left(self) -> float:
        """The share of the minutes that is left."""
        return max(0.0, 1 - (monotonic() - self._began) / self._seconds)

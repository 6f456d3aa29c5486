"""The learning-rate schedule."""

from math import cos, pi
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

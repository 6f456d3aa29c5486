"""The learning rate of each step."""

from math import cos, pi
from typing import Literal

Schedule = Literal["constant", "cosine"]


def learning_rate(step: int, steps: int, highest: float, schedule: Schedule, warmup: int) -> float:
    """The rate of a step, 1 to `steps`: it rises evenly over `warmup` steps, then stays or falls by half a cosine.

    A function of the step alone, so that a run that goes on needs to keep nothing.
    """
    if step <= warmup:
        return highest * step / warmup
    if schedule == "constant":
        return highest
    return highest * (1 + cos(pi * (step - warmup) / (steps - warmup + 1))) / 2

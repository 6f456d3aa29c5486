"""Subject model of the richer families: where and how large the same anatomy lies in each subject, and how bent."""

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor

from universeg.synth.scene.fields import smooth
from universeg.synth.scene.random_draws import Draws


@dataclass(frozen=True)
class Pose:
    """How far a task's anatomy, and that of each subject, may stray; lengths are shares of half the image."""

    turn: float = pi  # of the task, either way
    turns: float = 0.4  # subjects, sd, at most
    zoom: tuple[float, float] = (0.75, 1.35)  # of the task
    zooms: float = 0.2  # subjects, sd of the logarithm, at most
    shift: float = 0.25  # of the task
    shifts: float = 0.2  # subjects, sd, at most
    bend: tuple[float, float] = (0.01, 0.08)  # rms of the smooth deformation


POSE = Pose()


def posed(draws: Draws, pose: Pose = POSE) -> tuple[Tensor, Tensor]:
    """x and y (M, H, W): where in the anatomy each pixel lies.

    One number per task says how much its subjects differ, so that position gives a label away in some tasks only.
    """
    vary = draws.log(0.03, 1)
    x, y = draws.places
    bend = draws.log(*pose.bend)
    fields = smooth(draws, draws.count(2, 4), draws.entries, 2) + 0.4 * smooth(draws, 8, draws.entries, 2)
    x, y = (place + bend * fields[:, axis] for axis, place in enumerate((x, y)))
    x, y = (place - draws.number(-pose.shift, pose.shift) - draws.jitter(0.02 + pose.shifts * vary) for place in (x, y))
    turn = draws.number(-pose.turn, pose.turn) + draws.jitter(0.02 + pose.turns * vary)
    if pose.turn == pi and draws.chance(0.15):
        turn = draws.each(-pi, pi)
    zoom = draws.log(*pose.zoom) * draws.jitter(0.03 + pose.zooms * vary).exp()
    cos, sin = turn.cos() / zoom, turn.sin() / zoom
    return cos * x - sin * y, sin * x + cos * y


def mirrored(draws: Draws, x: Tensor) -> Tensor:
    """x, with left and right exchanged in half of the subjects."""
    return torch.where(draws.happens(0.5), -x, x)

"""How subjects of a task differ in shape: one smooth deformation each."""

from collections.abc import Sequence

from torch import Tensor

from universeg.synth.config import SynthConfig
from universeg.synth.paper.noise import REFERENCE, draw_grids, points, smooth
from universeg.synth.paper.warp import warped
from universeg.synth.task import RandomStreams

STEPS = 5  # doublings when a velocity is integrated


def deformations(streams: RandomStreams, config: SynthConfig, subjects: Sequence[int]) -> Tensor:
    """Displacements (B, 2, H, W) in pixels: velocities integrated on a grid of half the canvas, as in the driver."""
    most_sd = streams.numbers("velocity").uniform(*config.velocity_sd) * config.canvas / REFERENCE
    shapes = [(2, n, n) for n in points(config.velocity_spacings)]
    drawn = [draw_grids(streams.numbers("velocity", s), shapes, most_sd / 2) for s in subjects]
    half = config.canvas // 2
    velocity = smooth([streams.tensor(grids) for grids in zip(*drawn, strict=True)], (half, half))
    return smooth([2 * integrated(velocity)], (config.canvas, config.canvas))


def integrated(velocity: Tensor) -> Tensor:
    """Displacement after following `velocity` (B, 2, H, W) for unit time, by scaling and squaring."""
    step: Tensor = velocity / 2**STEPS
    for _ in range(STEPS):
        step = step + warped(step, step)
    return step

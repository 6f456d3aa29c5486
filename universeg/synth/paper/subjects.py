"""The subjects: each one deforms the anatomy smoothly."""

from collections.abc import Sequence

from torch import Tensor

from universeg.synth.config import SynthConfig
from universeg.synth.paper.noise import REFERENCE_CANVAS, draw_subject_grids, grid_points, smooth_noise
from universeg.synth.paper.warp import warped
from universeg.synth.task import RandomStreams

STEPS = 5  # squarings in the integration of a velocity


def draw_velocities(streams: RandomStreams, config: SynthConfig, subjects: Sequence[int]) -> list[Tensor]:
    """Grids (B, 2, n, n) of random velocities, one for each spacing."""
    max_sd = streams.rng("velocity").uniform(*config.velocity_sd) * config.canvas / REFERENCE_CANVAS
    shapes = [(2, n, n) for n in grid_points(config.velocity_spacings)]
    return draw_subject_grids(streams, "velocity", subjects, shapes, max_sd / 2)


def deformations(velocities: Sequence[Tensor], config: SynthConfig) -> Tensor:
    """Displacements (B, 2, H, W) in pixels, from velocities at half resolution, as in the driver."""
    half = config.canvas // 2
    velocity = smooth_noise(velocities, (half, half))
    return smooth_noise([2 * integrated(velocity)], (config.canvas, config.canvas))


def integrated(velocity: Tensor) -> Tensor:
    """Displacement after following `velocity` (B, 2, H, W) for unit time, computed by scaling and squaring."""
    displacement: Tensor = velocity / 2**STEPS
    for _ in range(STEPS):
        displacement = displacement + warped(displacement, displacement)
    return displacement

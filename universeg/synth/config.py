"""Ranges that synthetic tasks are drawn from. Lengths are pixels of a 256 canvas, whatever the canvas is."""

from dataclasses import dataclass, fields
from typing import Any, Literal

Range = tuple[float, float]

SHAPES = {"paper": (16, 16), "code": (5, 19)}  # fewest and most shapes of a task, both included


@dataclass(frozen=True)
class SynthConfig:
    """The defaults are the released driver of the paper's data with the paper's own number of shapes.

    A `Range` is drawn from uniformly, once per task. Where a field says "at most", a second uniform draw from 0 to
    that value follows.
    """

    family: str = "F0"
    """Kind of task; one of universeg.synth.FAMILIES. The fields below are those of F0."""
    n_labels: Literal["paper", "code"] = "paper"
    """Shapes per task: exactly 16 as the paper says, or 5 to 19 as the released driver draws."""
    canvas: int = 256
    """Pixels a side at which tasks are made before they are brought to their size."""
    shape_spacings: tuple[float, ...] = (32, 64, 128)
    """Distances of the noise grids whose largest value says which shape a pixel belongs to."""
    warp_spacings: tuple[float, ...] = (16, 32, 64, 128)
    """Distances of the noise grids that warp those noise images, once per task."""
    warp_sd: Range = (4, 15)
    """Standard deviation of that warp, at most, per spacing."""
    velocity_spacings: tuple[float, ...] = (8, 16, 32, 64)
    """Distances of the noise grids of the velocity that deforms the map, once per subject."""
    velocity_sd: Range = (2, 40)
    """Standard deviation of the velocity, at most, per spacing (the driver's 1 to 20 are pixels of half the canvas)."""
    mean_drift_sd: Range = (0.01, 0.1)
    """How far a shape's mean intensity moves, to one side, between subjects; intensities are 0 to 1."""
    least_noise_sd: Range = (0.01, 0.1)
    """Weakest noise of a shape in a subject."""
    most_noise_sd: Range = (0.2, 1.0)
    """Strongest noise of a shape in a subject."""
    black_background: float = 0.2
    """Share of subjects in which the first shape is black."""
    blur_sd: Range = (0.5, 5)
    """Blur of the image, at most, per axis; once per task."""
    bias_spacing: Range = (32, 50)
    """Distance of the noise grid of the bias field."""
    bias_sd: Range = (0.1, 1.0)
    """Standard deviation of the logarithm of the bias field, at most, per subject."""
    gamma_sd: float = 0.25
    """Standard deviation of the logarithm of each subject's gamma exponent."""
    least_area: float = 0.001
    """A shape that covers less of any subject's canvas is not a label of its task."""

    def __post_init__(self) -> None:
        if self.n_labels not in SHAPES:
            raise ValueError(f"unknown n_labels {self.n_labels!r}; known: {', '.join(SHAPES)}")
        if self.canvas < 16 or self.canvas % 2:
            raise ValueError(f"canvas must be even and at least 16, got {self.canvas}")
        for field in fields(self):
            _refuse_unusable(field.name, field.type, getattr(self, field.name))


def _refuse_unusable(name: str, kind: object, value: Any) -> None:
    if kind == tuple[float, ...] and (not value or min(value) < 1):
        raise ValueError(f"{name} must be one or more distances of at least 1 pixel, got {value}")
    if kind == Range and not (len(value) == 2 and 0 <= value[0] <= value[1]):
        raise ValueError(f"{name} must be two numbers, 0 <= low <= high, got {value}")
    if name == "bias_spacing" and value[0] < 1:
        raise ValueError(f"{name} must be at least 1 pixel, got {value}")
    if kind is float and not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {value}")

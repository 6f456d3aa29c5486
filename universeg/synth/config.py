"""Settings of the families F0 and F0-driver. Lengths are in pixels of a canvas of 256, also if `canvas` differs."""

from dataclasses import dataclass, fields
from typing import Any, Literal, Self

Range = tuple[float, float]

SHAPES = {"paper": (16, 16), "code": (5, 19)}  # smallest and largest number of shapes of a task
TASKS, SUBJECTS = 1000, 100  # of the paper: section D
# The released driver: no Perlin noise on intensities, but blur, a bias field, gamma and black backgrounds.
DRIVER: dict[str, Any] = {
    "n_labels": "code",
    "min_noise_sd": (0.01, 0.1),
    "max_noise_sd": (0.2, 1.0),
    "perlin_sd": (0, 0),
    "black_background": 0.2,
    "blur_sd": (0.5, 5),
    "bias_sd": (0.1, 1.0),
    "gamma_sd": 0.25,
}


@dataclass(frozen=True)
class SynthConfig:
    """The defaults are those of F0, the paper's text (section D); `SynthConfig.of("F0-driver")` has the driver's.

    The text gives the number of shapes, tasks and subjects, and the kinds of noise, but no strengths. Shapes and
    deformations are the driver's in both families. The strength of the two kinds of noise is a choice of this project.

    Each `Range` gives one uniform number per task. Where a field says "at most", the value that is used is uniform
    between 0 and this number. Raises ValueError for values that cannot be used.
    """

    family: str = "F0"
    """One of universeg.synth.FAMILIES. All other fields are used by F0 and F0-driver only."""
    n_labels: Literal["paper", "code"] = "paper"
    """Number of shapes per task: 16 as in the paper, or 5 to 19 as in the released driver."""
    canvas: int = 256
    """Pixels per side at which tasks are made, before they are resized."""
    shape_spacings: tuple[float, ...] = (32, 64, 128)
    """Spacings of the noise grids; each shape has a noise image, and the largest one at a pixel gives its shape."""
    warp_spacings: tuple[float, ...] = (16, 32, 64, 128)
    """Spacings of the noise grids that warp these noise images, once per task."""
    warp_sd: Range = (4, 15)
    """Standard deviation of the warp, at most, for each spacing."""
    velocity_spacings: tuple[float, ...] = (8, 16, 32, 64)
    """Spacings of the noise grids of the velocity field that deforms the anatomy of each subject."""
    velocity_sd: Range = (2, 40)
    """Standard deviation of the velocity, at most, for each spacing. (The driver has 1 to 20, on half the canvas.)"""
    mean_drift_sd: Range = (0.01, 0.1)
    """Standard deviation of the drift of a shape's mean intensity between subjects; intensities are 0 to 1."""
    min_noise_sd: Range = (0.01, 0.05)
    """Smallest standard deviation of the Gaussian noise of a shape in a subject."""
    max_noise_sd: Range = (0.05, 0.3)
    """Largest standard deviation of the Gaussian noise of a shape in a subject."""
    perlin_spacings: tuple[float, ...] = (8, 16, 32, 64)
    """Spacings of the grids of the Perlin noise that is added to each image."""
    perlin_sd: Range = (0.02, 0.2)
    """Standard deviation of the Perlin noise, at most, for each spacing and subject."""
    black_background: float = 0
    """Fraction of subjects in which the first shape is black."""
    blur_sd: Range = (0, 0)
    """Standard deviation of the blur, at most, for each axis; once per task."""
    bias_spacing: Range = (32, 50)
    """Spacing of the noise grid of the bias field."""
    bias_sd: Range = (0, 0)
    """Standard deviation of the logarithm of the bias field, at most, for each subject."""
    gamma_sd: float = 0
    """Standard deviation of the logarithm of each subject's gamma exponent."""
    min_area: float = 0.001
    """Smallest area of a label, as a fraction of the canvas. It must be reached in every subject."""

    @classmethod
    def of(cls, family: str, **changes: Any) -> Self:
        """The settings of a family, with some of them changed."""
        return cls(family, **{**(DRIVER if family == "F0-driver" else {}), **changes})

    def __post_init__(self) -> None:
        if self.n_labels not in SHAPES:
            raise ValueError(f"unknown n_labels {self.n_labels!r}; known: {', '.join(SHAPES)}")
        if self.canvas < 16 or self.canvas % 2:
            raise ValueError(f"canvas must be even and at least 16, got {self.canvas}")
        for field in fields(self):
            _check(field.name, field.type, getattr(self, field.name))


def _check(name: str, kind: object, value: Any) -> None:
    if kind == tuple[float, ...] and (not value or min(value) < 1):
        raise ValueError(f"{name} must be one or more spacings of at least 1 pixel, got {value}")
    if kind == Range and not (len(value) == 2 and 0 <= value[0] <= value[1]):
        raise ValueError(f"{name} must be two numbers, 0 <= low <= high, got {value}")
    if name == "bias_spacing" and value[0] < 1:
        raise ValueError(f"{name} must be at least 1 pixel, got {value}")
    if kind is float and not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, got {value}")

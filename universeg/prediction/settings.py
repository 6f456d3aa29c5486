"""The settings of a prediction. No torch here."""

from dataclasses import dataclass
from typing import Literal

USUAL_SIZE = 128  # pixels per side in the paper
Axis = Literal[0, 1, 2]
AXES: tuple[Axis, ...] = (0, 1, 2)
Channel = Literal["luminance", "red", "green", "blue", "best"]
CHANNELS: tuple[Channel, ...] = ("luminance", "red", "green", "blue", "best")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How images are preprocessed and predictions are made."""

    label: int | None = None
    """Segment only the structure with this value in the support masks (for example 255). Without it, every value of
    the masks is a structure, and all are segmented at once."""
    merge_labels: bool = False
    """Take everything that is not 0 in the support masks as one structure, for example if each value is one cell."""
    intensity: Literal["unit", "ct", "mr"] = "unit"
    """How intensities are mapped to [0, 1]. unit: minimum to maximum (photographs, microscopy, X-ray, ultrasound).
    ct: Hounsfield units from -500 to 1000. mr: clipped to the 0.5 and 99.5 percentiles."""
    window: tuple[float, float] | None = None
    """Intensities LOW HIGH that are mapped to 0 and 1, instead of those of --intensity (CT liver: -160 240)."""
    channel: Channel = "luminance"
    """Colour pictures: what the network sees of the colours, since it sees grey images. best: the channel with the
    best Dice when each of the support images is segmented by the others."""
    axis: Axis | None = None
    """Volumes: the plane of the slices. 0 sagittal, 1 coronal, 2 axial. Without it: the plane in which the support
    masks were drawn, which the command tells."""
    slices: Literal["all", "mid"] = "all"
    """Volumes: segment all slices, or only the middle one."""
    propagate: bool = False
    """Volumes: start at the slice whose support marks most, and show each slice that was segmented with confidence as
    one more example for the next slice."""
    support_size: int = 64
    """Number of support images that the network sees at once. If there are more, they are drawn at random."""
    ensemble: int = 1
    """Number of predictions to average, each with its own random draw of support images."""
    size: int = 0
    """Pixels per side of the images that the network sees. 0: the size that its weights were trained with, or 128."""
    seed: int = 0
    """Seed of the random draws of support images."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1 or mps. auto: a GPU if there is one."""

    def __post_init__(self) -> None:
        for name, least in (("support_size", 1), ("ensemble", 1), ("size", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"window must be LOW HIGH with LOW below HIGH, got {self.window[0]:g} {self.window[1]:g}")
        if self.axis not in (None, *AXES) or self.slices not in ("mid", "all"):
            raise ValueError(
                f"axis must be 0, 1 or 2 and slices mid or all, got axis {self.axis}, slices {self.slices!r}"
            )
        if self.channel not in CHANNELS:
            raise ValueError(f"channel must be one of {', '.join(CHANNELS)}, got {self.channel!r}")
        if self.label is not None and self.merge_labels:
            raise ValueError("give either a label or merge_labels, not both")

"""The levers as options of commands, without torch; `levers/` has the levers themselves."""

from dataclasses import dataclass
from typing import Literal

from universeg.base.bounds import at_least

Effort = Literal["quick", "normal", "best"]  # how much time to spend on finding the levers that help


@dataclass(frozen=True, kw_only=True)
class InferenceLevers:
    """Ways to get better predictions from the same examples and weights. Each costs time."""

    refine: bool = False
    """Segment a crop around the first prediction too, and average. Twice the work."""
    tiles: bool = False
    """Also segment large images in tiles, and average. For thin structures in large images."""
    flips: bool = False
    """Average over mirrored images. Four times the work."""
    draws: int = 1
    """Predictions to average, each with its own draw of the examples, with replacement."""
    select: int = 0
    """Show the network only this many examples: those that are most similar to the image. 0: all."""


@dataclass(frozen=True, kw_only=True)
class LeverFlags(InferenceLevers):
    """Ways to get better predictions from the same examples. Each costs time."""

    adapt: Literal["never", "check", "always"] = "never"
    """Adapt the network to the examples for some minutes. check: only if that helps on examples left out."""
    minutes: float = 0
    """Time limit of adapting. 0: 120 training steps."""

    def __post_init__(self) -> None:
        at_least(self, 1, "draws")
        at_least(self, 0, "select", "minutes")

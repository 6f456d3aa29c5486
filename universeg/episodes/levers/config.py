"""The levers to use, as options of commands; and the network with these levers."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from universeg.base.bounds import at_least
from universeg.episodes.levers.averages import Ensemble, Flipped
from universeg.episodes.levers.refine import Refined
from universeg.episodes.levers.resize import Resized
from universeg.episodes.levers.select import MostSimilarSupport
from universeg.episodes.levers.tiles import Tiled


@dataclass(frozen=True, kw_only=True)
class LeverFlags:
    """Ways to get better predictions from the same examples. Each costs time."""

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
    adapt: Literal["never", "check", "always"] = "never"
    """Adapt the network to the examples for some minutes. check: only if that helps on examples left out."""
    minutes: float = 0
    """Time limit of adapting. 0: 120 training steps, three times as many with the check."""

    def __post_init__(self) -> None:
        at_least(self, 1, "draws")
        at_least(self, 0, "select", "minutes")


@dataclass(frozen=True, kw_only=True)
class Levers(LeverFlags):
    """Ways to get better predictions from the same examples. Each costs time."""

    size: int = 0
    """Pixels per side at which the network sees images and tiles, for example 128. 0: the size of the images."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "size")
        if self.tiles and not self.size:
            raise ValueError("tiles needs size: the pixels per side of a tile, for example 128")


def build(model: nn.Module, levers: Levers) -> nn.Module:
    """A network with all levers except `adapt`, which changes its weights before. It is called like the network."""
    whole = Resized(model, levers.size) if levers.size else model
    if levers.tiles:
        whole = Tiled(whole, model, levers.size)
    if levers.draws > 1:
        whole = Ensemble(whole, levers.draws)
    if levers.flips:
        whole = Flipped(whole)
    if levers.refine:
        whole = Refined(whole, levers.size)
    return MostSimilarSupport(whole, levers.select) if levers.select else whole

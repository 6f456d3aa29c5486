"""The levers to use, as options of commands; and the network with these levers."""

from dataclasses import dataclass

from torch import nn

from universeg.base.bounds import at_least
from universeg.episodes.lever_flags import LeverFlags
from universeg.episodes.levers.averages import Ensemble, Flipped
from universeg.episodes.levers.refine import Refined
from universeg.episodes.levers.resize import Resized
from universeg.episodes.levers.select import MostSimilarSupport
from universeg.episodes.levers.tiles import Tiled


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

"""The result of a family: clean images, and masks of the parts of the anatomy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from universeg.synth.scene.random_draws import Draws


@dataclass(frozen=True)
class Scene:
    """M subjects with one invented anatomy, before the simulated image acquisition."""

    images: Tensor  # (M, H, W) intensity, about 0 to 1
    parts: Mapping[str, Tensor]  # name -> mask (M, H, W) bool; masks may overlap
    field_of_view: Tensor | None = None  # (M, H, W) bool; outside it images are black and masks are empty


Family = Callable[[Draws], Scene]

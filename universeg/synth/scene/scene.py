"""What a family hands on: images before the camera, and the parts that may be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Scene:
    """M subjects of one invented anatomy."""

    images: Tensor  # (M, H, W) about 0 to 1
    parts: Mapping[str, Tensor]  # name -> (M, H, W) bool; parts may overlap
    seen: Tensor | None = None  # (M, H, W) bool: outside it the picture is black and nothing is labelled

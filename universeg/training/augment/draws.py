"""What a transform draws, and the three kinds of transform: of places, of labels, of intensities.

Drawing and applying are apart: all numbers are drawn by NumPy on the CPU, for one episode, and are the same whatever
the device; they are applied to a batch of episodes at once, where the pixels are. B episodes, E entries (the query
first, then its support), D draws (1 if all entries of an episode share one, else E), H and W height and width.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Numbers = Mapping[str, NDArray[np.float32]]  # of one episode: (D, ...), or (E, ...) where a transform says so
Params = Mapping[str, Tensor]  # of a batch: (B, D, ...) on the device


@dataclass(frozen=True)
class Extent:
    """How much an episode needs."""

    draws: int  # 1: all entries share a draw; else one for each entry
    entries: int
    size: tuple[int, int]  # height and width in pixels


class Transform:
    def draw(self, rng: np.random.Generator, extent: Extent) -> Numbers:
        """The numbers of one episode; some transforms need none."""
        return {}


class Warp(Transform, ABC):
    """Moves image and mask together."""

    @abstractmethod
    def back(self, points: Tensor, params: Params) -> Tensor:
        """Where what ends at points (B, 1 or E, 2, H, W) comes from; in pixels right and down from the centre."""


class Relabel(Transform, ABC):
    """Changes masks only."""

    @abstractmethod
    def masks(self, masks: Tensor, params: Params) -> Tensor:
        """Masks (B, E, 1, H, W) of 0 and 1, changed."""


class Tone(Transform, ABC):
    """Changes images only."""

    @abstractmethod
    def images(self, images: Tensor, params: Params) -> Tensor:
        """Images (B, E, 1, H, W), changed; the caller clips what leaves [0, 1]."""


def uniform(rng: np.random.Generator, between: tuple[float, float], *shape: int) -> NDArray[np.float32]:
    """Uniform numbers in [low, high]."""
    return rng.uniform(*between, shape).astype(np.float32)

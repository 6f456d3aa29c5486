"""The base classes of transforms: of positions, of labels, of intensities.

Drawing and applying are separate. All random numbers are drawn by NumPy on the CPU, for one episode, so they do not
depend on the device. They are applied to a batch of episodes at once, on the device of the pixels. Letters: B episodes,
E entries (the query first, then its support set), D draws (1 if all entries of an episode share one, else E), H and W
height and width.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Numbers = Mapping[str, NDArray[np.float32]]  # of one episode: (D, ...), or (E, ...) if the transform says so
Params = Mapping[str, Tensor]  # of a batch: (B, D, ...) on the device


@dataclass(frozen=True)
class EpisodeShape:
    """For how many entries, and for which image size, a transform draws."""

    draws: int  # 1: all entries share one draw; else one draw for each entry
    entries: int
    size: tuple[int, int]  # height and width in pixels


class Transform:
    def draw(self, rng: np.random.Generator, shape: EpisodeShape) -> Numbers:
        """The random numbers of one episode; empty if the transform has none."""
        return {}


class SpatialTransform(Transform, ABC):
    """Moves image and mask together."""

    @abstractmethod
    def source_points(self, points: Tensor, params: Params) -> Tensor:
        """The positions in the old image of points (B, 1 or E, 2, H, W) of the new one.

        Positions are in pixels to the right and down from the centre of the image.
        """


class LabelTransform(Transform, ABC):
    """Changes masks only."""

    @abstractmethod
    def masks(self, masks: Tensor, params: Params) -> Tensor:
        """The changed masks, (B, E, 1, H, W) of 0 and 1."""


class IntensityTransform(Transform, ABC):
    """Changes images only."""

    @abstractmethod
    def images(self, images: Tensor, params: Params) -> Tensor:
        """The changed images, (B, E, 1, H, W); the caller clips them to [0, 1]."""


def uniform(rng: np.random.Generator, between: tuple[float, float], *shape: int) -> NDArray[np.float32]:
    """Uniform random numbers between two limits."""
    return rng.uniform(*between, shape).astype(np.float32)

"""The result of every family, and the source of its random numbers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.base.rng import rng_for, seed_for

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class SynthTask:
    """S subjects with one invented anatomy. Each label is one binary segmentation task."""

    images: Pixels  # (S, size, size) intensity; 255 is 1
    labels: Mapping[str, Pixels]  # name -> (S, size, size) coverage; 255 is completely inside
    dropped: Mapping[str, str]  # name of a structure that is no label of this task -> reason

    def __post_init__(self) -> None:
        for name, pixels in (("images", self.images), *self.labels.items()):
            if pixels.dtype != np.uint8 or pixels.shape != self.images.shape or pixels.ndim != 3:
                raise ValueError(f"{name}: expected uint8 {self.images.shape}, got {pixels.dtype} {pixels.shape}")


@dataclass(frozen=True)
class RandomStreams:
    """Random numbers of one task: an independent stream for each purpose.

    All numbers but pixel noise come from NumPy, so they are the same on every device. Pixel noise is drawn on the
    device; with `together` the grids of smooth noise are too. (On the CPU, torch uses only 32 bits of a seed. That is
    enough for noise, but too few for the anatomies of millions of tasks.)
    """

    prefix: tuple[str | int, ...]  # identifies the task; it precedes every purpose
    device: torch.device
    together: bool = False  # all subjects of a task share its streams: faster, but each depends on the others

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """The generator for a purpose."""
        return rng_for(*self.prefix, *purpose)

    def rngs(self, purpose: str, subjects: Sequence[int]) -> list[np.random.Generator]:
        """The generator of each of these subjects."""
        if self.together:
            return [self.rng(purpose, "subjects")] * len(subjects)
        return [self.rng(purpose, subject) for subject in subjects]

    def noise(self, side: int, subjects: Sequence[int]) -> Tensor:
        """Standard normal numbers (B, side, side) on the device, for each of B subjects."""
        if self.together:
            return self._noise(side, "subjects", len(subjects))
        return torch.cat([self._noise(side, subject, 1) for subject in subjects])

    def _noise(self, side: int, whose: str | int, count: int) -> Tensor:
        return torch.randn(count, side, side, generator=self.generator("noise", whose), device=self.device)

    def generator(self, *purpose: str | int) -> torch.Generator:
        """The generator for a purpose, of numbers that are drawn on the device."""
        return torch.Generator(self.device).manual_seed(seed_for(*self.prefix, *purpose))

    def tensor(self, values: NDArray[np.generic] | Sequence[NDArray[np.generic]]) -> Tensor:
        """The values as float32 on the device; a sequence of arrays is stacked."""
        return torch.tensor(np.asarray(values, np.float32), device=self.device)


@contextmanager
def one_thread() -> Iterator[None]:
    """Make torch use one thread in this block, because sums by several threads may round differently.

    The setting belongs to the calling thread: other threads, such as training, keep theirs.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""What every family makes, and where its random numbers come from."""

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
    """S subjects of one invented anatomy; each label is one binary task."""

    images: Pixels  # (S, size, size) intensity, 255 is 1
    labels: Mapping[str, Pixels]  # name -> (S, size, size) coverage, 255 is wholly inside
    dropped: Mapping[str, str]  # name of what is no label of this task -> why

    def __post_init__(self) -> None:
        for name, pixels in (("images", self.images), *self.labels.items()):
            if pixels.dtype != np.uint8 or pixels.shape != self.images.shape or pixels.ndim != 3:
                raise ValueError(f"{name}: expected uint8 {self.images.shape}, got {pixels.dtype} {pixels.shape}")


@dataclass(frozen=True)
class RandomStreams:
    """Random numbers of one task, a stream for each purpose, so that none depends on what else is drawn.

    Everything but pixel noise comes from NumPy: the same on every device. Pixel noise is drawn on the device. (A torch
    generator on the CPU uses 32 bits of its seed, too few to tell millions of maps apart, but enough for noise.)
    """

    task: tuple[str | int, ...]
    device: torch.device

    def numbers(self, *purpose: str | int) -> np.random.Generator:
        return rng_for(*self.task, *purpose)

    def pixels(self, side: int, *purpose: str | int) -> Tensor:
        """Standard normal numbers, (side, side), on the device."""
        generator = torch.Generator(self.device).manual_seed(seed_for(*self.task, *purpose))
        return torch.randn(side, side, generator=generator, device=self.device)

    def tensor(self, values: NDArray[np.generic] | Sequence[NDArray[np.generic]]) -> Tensor:
        """Float32 on the device; a sequence is stacked."""
        return torch.tensor(np.asarray(values, np.float32), device=self.device)


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums that several threads share may round differently; one thread always gives the same bytes.

    Torch keeps the number for each thread apart, so training goes on beside this with all of its own.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

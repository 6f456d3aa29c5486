"""Random numbers of one task of the richer families, whose subjects are made in blocks of M.

A block is what fits a processor's cache. Each draws the same numbers for the task and its own for its subjects, so
what a family does may depend on the task's numbers only.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from math import exp, log
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.base.rng import rng_for, seed_for

T = TypeVar("T")


class Draws:
    """A stream of numbers named by what it is for; tensors are (M, *more, 1, 1), to go with (M, *more, H, W)."""

    def __init__(
        self, purpose: Sequence[str | int], entries: int, size: int, device: torch.device, block: int = 0
    ) -> None:
        self.entries, self.size, self.device = entries, size, device
        self.numbers, self.own = rng_for(*purpose), rng_for(*purpose, "block", block)  # of the task, of its subjects
        self._generator = torch.Generator(device).manual_seed(seed_for(*purpose, "block", block))
        self._purpose, self._kept, self._asked = purpose, dict[int, object](), 0

    def beside(self, block: int, entries: int) -> "Draws":
        """The numbers of another block of subjects of the same task, which shares what was made once."""
        other = Draws(self._purpose, entries, self.size, self.device, block)
        other._kept = self._kept
        return other

    def once(self, make: Callable[["Draws"], T]) -> T:
        """What is costly and the same for all subjects: made in the first block, with numbers of its own."""
        self._asked += 1
        if self._asked not in self._kept:
            own = Draws((*self._purpose, "once", self._asked), self.entries, self.size, self.device)
            self._kept[self._asked] = make(own)
        return cast(T, self._kept[self._asked])

    # One number for the task

    def number(self, low: float, high: float) -> float:
        return float(self.numbers.uniform(low, high))

    def log(self, low: float, high: float) -> float:
        """Uniform in the logarithm: as often in [0.1, 0.2] as in [0.2, 0.4]."""
        return exp(self.number(log(low), log(high)))

    def count(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.numbers.integers(low, high, endpoint=True))

    def chance(self, probability: float) -> bool:
        return bool(self.numbers.uniform() < probability)

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.count(0, len(options) - 1)]

    # One number for each subject

    def each(self, low: float, high: float, *more: int) -> Tensor:
        return self.tensor(self.own.uniform(low, high, self._shape(more)))

    def each_log(self, low: float, high: float, *more: int) -> Tensor:
        return self.each(log(low), log(high), *more).exp()

    def jitter(self, sd: float, *more: int) -> Tensor:
        return self.tensor(self.own.normal(0, sd, self._shape(more)))

    def happens(self, probability: float, *more: int) -> Tensor:
        return self.each(0, 1, *more) < probability

    # Grids and pixels

    def pixels(self, *shape: int) -> Tensor:
        """Standard normal numbers on the device."""
        return torch.randn(*shape, generator=self._generator, device=self.device)

    @cached_property
    def places(self) -> tuple[Tensor, Tensor]:
        """x and y (H, W) of the pixels' centres; the image is [-1, 1] along both."""
        line = (torch.arange(self.size, device=self.device) + 0.5) * (2 / self.size) - 1
        return line.expand(self.size, -1), line[:, None].expand(-1, self.size)

    def tensor(self, values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)

    def _shape(self, more: tuple[int, ...]) -> tuple[int, ...]:
        return (self.entries, *more, 1, 1)

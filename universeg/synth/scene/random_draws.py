"""Random numbers of one synthetic task: some are common to all subjects, others belong to one subject.

The M subjects of a task are made in blocks that fit into the processor's cache. All blocks draw the same numbers for
the task, and each block draws its own numbers for its subjects. So the control flow of a family (which draws it makes)
must depend on the task's numbers only.
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
    """The random numbers of one block of subjects.

    Methods without a suffix draw one number for the task. Methods that end in `_each` draw one number for each subject:
    a tensor (M, *more, 1, 1), which broadcasts with images (M, *more, H, W).
    """

    def __init__(
        self, purpose: Sequence[str | int], subjects: int, size: int, device: torch.device, block: int = 0
    ) -> None:
        """`purpose` seeds the generators; `size` is the side of the images in pixels; `block` numbers the blocks."""
        self.subjects, self.size, self.device = subjects, size, device
        self.task_rng, self.subject_rng = rng_for(*purpose), rng_for(*purpose, "block", block)
        self._generator = torch.Generator(device).manual_seed(seed_for(*purpose, "block", block))
        self._purpose, self._shared, self._once_calls = purpose, dict[int, object](), 0

    def for_block(self, block: int, subjects: int) -> "Draws":
        """The numbers of another block of the same task. Results of `once` are shared with it."""
        other = Draws(self._purpose, subjects, self.size, self.device, block)
        other._shared = self._shared
        return other

    def once(self, make: Callable[["Draws"], T]) -> T:
        """The result of `make`, which is the same for all subjects. It is computed in the first block only."""
        self._once_calls += 1
        if self._once_calls not in self._shared:
            own = Draws((*self._purpose, "once", self._once_calls), self.subjects, self.size, self.device)
            self._shared[self._once_calls] = make(own)
        return cast(T, self._shared[self._once_calls])

    # One number for the task

    def uniform(self, low: float, high: float) -> float:
        return float(self.task_rng.uniform(low, high))

    def log_uniform(self, low: float, high: float) -> float:
        """A number whose logarithm is uniform: [0.1, 0.2] is as likely as [0.2, 0.4]."""
        return exp(self.uniform(log(low), log(high)))

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.task_rng.integers(low, high, endpoint=True))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.task_rng.uniform() < probability)

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]

    # One number for each subject

    def uniform_each(self, low: float, high: float, *more: int) -> Tensor:
        return self.tensor(self.subject_rng.uniform(low, high, self._shape(more)))

    def normal_each(self, sd: float, *more: int) -> Tensor:
        """Normal numbers with mean 0 and standard deviation `sd`."""
        return self.tensor(self.subject_rng.normal(0, sd, self._shape(more)))

    def chance_each(self, probability: float, *more: int) -> Tensor:
        """True with this probability."""
        return self.uniform_each(0, 1, *more) < probability

    # Pixels

    def noise(self, *shape: int) -> Tensor:
        """Standard normal numbers, drawn on the device."""
        return torch.randn(*shape, generator=self._generator, device=self.device)

    @cached_property
    def coordinates(self) -> tuple[Tensor, Tensor]:
        """x and y (H, W) of the pixel centres. The image reaches from -1 to 1 along both axes."""
        line = (torch.arange(self.size, device=self.device) + 0.5) * (2 / self.size) - 1
        return line.expand(self.size, -1), line[:, None].expand(-1, self.size)

    def tensor(self, values: NDArray[np.generic]) -> Tensor:
        """The values as float32 on the device."""
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)

    def _shape(self, more: tuple[int, ...]) -> tuple[int, ...]:
        return (self.subjects, *more, 1, 1)

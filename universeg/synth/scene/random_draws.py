"""Random numbers of one synthetic task: some are common to all subjects, others belong to one subject.

The M subjects of a task are made in blocks that fit into the processor's cache. All blocks draw the same numbers for
the task, and each block draws its own numbers for its subjects. So the control flow of a family (which draws it makes)
must depend on the task's numbers only.

`BatchDraws` (batch_draws.py) has the same methods for several tasks that are made at once. It draws once for all of
them what decides which operations are done: `integer`, `chance`, `choice` and `task_rng`. A family must not use the
results of other methods in an `if`, because in a batch they differ between the tasks.
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
from universeg.synth.scene.numbers import Number, Table

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

    @property
    def shared(self) -> "Draws":
        """Draws whose numbers are floats, also in a batch: all tasks of the batch share them."""
        return self

    # One decision for the task, or for all tasks of a batch

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.task_rng.integers(low, high, endpoint=True))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.task_rng.uniform() < probability)

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]

    # One number for the task

    def uniform(self, low: Number, high: Number) -> Number:
        return float(self.task_rng.uniform(low, high))

    def log_uniform(self, low: float, high: float) -> Number:
        """A number whose logarithm is uniform: [0.1, 0.2] is as likely as [0.2, 0.4]."""
        return exp(self.task_rng.uniform(log(low), log(high)))

    def normal(self, sd: float) -> Number:
        """A normal number with mean 0 and standard deviation `sd`."""
        return float(self.task_rng.normal(0, sd))

    def whole_number(self, low: int, high: Number) -> Number:
        """A whole number from low to high, both included, that is used in arithmetic only."""
        return self.integer(low, int(high))

    def chance_where(self, condition: bool | Tensor, probability: float) -> bool | Tensor:
        """True with this probability where the condition is true; in a batch a mask (rows, 1, 1)."""
        return bool(condition) and self.chance(probability)

    # Several numbers for the task

    def uniform_table(self, low: float, high: float, count: int) -> Table:
        return self.task_rng.uniform(low, high, count)

    def normal_table(self, *shape: int) -> Table:
        """Normal numbers with mean 0 and standard deviation 1."""
        return self.task_rng.standard_normal(shape)

    def integer_table(self, low: int, high: int, count: int) -> Table:
        """Whole numbers from low to high, without high."""
        return self.task_rng.integers(low, high, count)

    def permutation_table(self, count: int) -> Table:
        """The whole numbers from 0 to count - 1 in random order."""
        return self.task_rng.permutation(count)

    # Numbers for each subject

    def uniform_each(self, low: Number, high: Number, *more: int) -> Tensor:
        return self.tensor(self.subject_rng.uniform(low, high, self._shape(more)))

    def normal_each(self, sd: Number, *more: int) -> Tensor:
        """Normal numbers with mean 0 and standard deviation `sd`."""
        return self.tensor(self.subject_rng.normal(0, sd, self._shape(more)))

    def chance_each(self, probability: Number, *more: int) -> Tensor:
        """True with this probability."""
        return self.uniform_each(0, 1, *more) < probability

    def normal_table_each(self, *shape: int) -> Table:
        """A table (M, *shape) of normal numbers with mean 0 and standard deviation 1."""
        return self.subject_rng.standard_normal((self.subjects, *shape))

    # Pixels

    def noise(self, *shape: int) -> Tensor:
        """Standard normal numbers, drawn on the device; in a batch (T, *shape), for each task."""
        return torch.randn(*shape, generator=self._generator, device=self.device)

    def noise_each(self, *shape: int) -> Tensor:
        """Standard normal numbers (M, *shape), drawn on the device."""
        return torch.randn(self.subjects, *shape, generator=self._generator, device=self.device)

    @cached_property
    def coordinates(self) -> tuple[Tensor, Tensor]:
        """x and y (H, W) of the pixel centres. The image reaches from -1 to 1 along both axes."""
        line = (torch.arange(self.size, device=self.device) + 0.5) * (2 / self.size) - 1
        return line.expand(self.size, -1), line[:, None].expand(-1, self.size)

    def tensor(self, values: Table) -> Tensor:
        """The values as float32 on the device."""
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)

    def constant(self, make: Callable[[int], NDArray[np.float64]], argument: int) -> Table:
        """`make(argument)`, as a table that may be combined with those of the tasks."""
        return make(argument)

    def _shape(self, more: tuple[int, ...]) -> tuple[int, ...]:
        return (self.subjects, *more, 1, 1)

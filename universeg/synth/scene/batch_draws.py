"""Random numbers of several synthetic tasks of one family that are made at once."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from universeg.synth.scene.numbers import Number, Table, with_dims
from universeg.synth.scene.random_draws import Draws

R = TypeVar("R")
POOL = 128  # numbers of each task that are drawn together


class BatchDraws(Draws):
    """The random numbers of T tasks with M subjects each; they are T * M rows (`subjects` is T * M).

    What decides which operations are done is drawn once for all tasks, by NumPy. All other numbers are drawn on the
    device, for each task by itself. So every tensor operation is done once for all tasks: a GPU needs about as long to
    start a small operation as to do one for several tasks.
    """

    def __init__(
        self, purpose: Sequence[str | int], tasks: int, subjects: int, size: int, device: torch.device
    ) -> None:
        super().__init__(purpose, tasks * subjects, size, device)
        self.tasks, self._each = tasks, subjects
        self._numbers = self._pool()

    def once(self, make: Callable[[Draws], R]) -> R:
        """The result of `make`, which draws numbers for the tasks: it has one row for each task."""
        self._once_calls += 1
        purpose = *self._purpose, "once", self._once_calls
        return make(BatchDraws(purpose, self.tasks, 1, self.size, self.device))

    @cached_property
    def shared(self) -> Draws:
        return Draws((*self._purpose, "shared"), self.subjects, self.size, self.device)

    # One number for each task

    def uniform(self, low: Number, high: Number) -> Number:
        return next(self._numbers) * (high - low) + low

    def log_uniform(self, low: float, high: float) -> Number:
        return torch.pow(high / low, next(self._numbers)) * low

    def normal(self, sd: float) -> Number:
        return self.for_subjects(self._normal(self.tasks, 1, 1)) * sd

    def whole_number(self, low: int, high: Number) -> Number:
        count = (high.floor() if isinstance(high, Tensor) else int(high)) + (1 - low)
        return (next(self._numbers) * count).floor() + low

    def chance_where(self, condition: bool | Tensor, probability: float) -> bool | Tensor:
        return (next(self._numbers) < probability) & condition

    # Several numbers for each task

    def uniform_table(self, low: float, high: float, count: int) -> Table:
        return self.for_subjects(self._uniform(self.tasks, count)) * (high - low) + low

    def normal_table(self, *shape: int) -> Table:
        return self.for_subjects(self._normal(self.tasks, *shape))

    def integer_table(self, low: int, high: int, count: int) -> Table:
        drawn = torch.randint(low, high, (self.tasks, count), generator=self._generator, device=self.device)
        return self.for_subjects(drawn)

    def permutation_table(self, count: int) -> Table:
        return self.for_subjects(self._uniform(self.tasks, count).argsort(-1))

    # Numbers for each subject

    def uniform_each(self, low: Number, high: Number, *more: int) -> Tensor:
        low, high = (with_dims(bound, 3 + len(more)) for bound in (low, high))
        return self._uniform(*self._shape(more)) * (high - low) + low

    def normal_each(self, sd: Number, *more: int) -> Tensor:
        sds: float | Tensor = with_dims(sd, 3 + len(more))
        return self._normal(*self._shape(more)) * sds

    def chance_each(self, probability: Number, *more: int) -> Tensor:
        probabilities: float | Tensor = with_dims(probability, 3 + len(more))
        return self._uniform(*self._shape(more)) < probabilities

    def normal_table_each(self, *shape: int) -> Table:
        return self._normal(self.subjects, *shape)

    def noise(self, *shape: int) -> Tensor:
        return self._normal(self.tasks, *shape)

    def tensor(self, values: Table) -> Tensor:
        return values if isinstance(values, Tensor) else super().tensor(values)

    def constant(self, make: Callable[[int], NDArray[np.float64]], argument: int) -> Table:
        return _on_device(make, argument, self.device)

    def for_subjects(self, values: Tensor) -> Tensor:
        """Values (T, ...) of the tasks as rows (T * M, ...)."""
        return values[:, None].expand(-1, self._each, *values.shape[1:]).flatten(0, 1) if self._each > 1 else values

    def for_tasks(self, number: Tensor) -> Tensor:
        """A number (rows, 1, 1) of the tasks as (T, 1, 1)."""
        return number[:: self._each]

    def _pool(self) -> Iterator[Tensor]:
        """Uniform numbers (rows, 1, 1), without end."""
        while True:
            numbers = self._uniform(self.tasks, POOL)
            yield from self.for_subjects(numbers).T.contiguous()[..., None, None].unbind()

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self._generator, device=self.device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._generator, device=self.device)


@lru_cache(64)
def _on_device(make: Callable[[int], NDArray[np.float64]], argument: int, device: torch.device) -> Tensor:
    return torch.from_numpy(make(argument).astype(np.float32)).to(device)

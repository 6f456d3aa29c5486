"""Numbers of a task: a float, or in a batch of tasks a tensor with the number of each row.

A batch of T tasks with M subjects each has T * M rows: all subjects of the first task, then those of the second. A
number of the task is then a tensor (rows, 1, 1), the same in all rows of a task. It broadcasts with images
(rows, H, W). These functions accept both forms, so that a family is written once.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

Number = float | Tensor  # a tensor is (rows, 1, 1)
# Several numbers of a task or of each subject. For one task: a NumPy array (n,) or (M, n). In a batch: a tensor
# (rows, n). Only operations that both have are used with them.
Table = Any


def with_dims(number: Number, dims: int) -> Any:
    """The number so that it broadcasts with tensors or tables (rows, ...) of so many dimensions."""
    return number.view(-1, *[1] * (dims - 1)) if isinstance(number, Tensor) else number


def cos(angle: Number) -> Number:
    return angle.cos() if isinstance(angle, Tensor) else math.cos(angle)


def sin(angle: Number) -> Number:
    return angle.sin() if isinstance(angle, Tensor) else math.sin(angle)


def exp(values: Table) -> Table:
    """The exponential of a table."""
    return values.exp() if isinstance(values, Tensor) else np.exp(values)


def at_most(number: Number, limit: float) -> Number:
    return number.clamp(max=limit) if isinstance(number, Tensor) else min(number, limit)


def sign(number: Number) -> Number:
    """1 if the number is positive, else -1."""
    return (number > 0) * 2 - 1


def where(condition: bool | Tensor, if_true: Callable[[], Tensor], if_false: Tensor) -> Tensor:
    if isinstance(condition, Tensor):
        return torch.where(condition, if_true(), if_false)
    return if_true() if condition else if_false


def plus(images: Tensor, others: Tensor, times: Number) -> Tensor:
    """`images + times * others` in one operation."""
    if isinstance(times, Tensor):
        return torch.addcmul(images, others, times)
    return torch.add(images, others, alpha=times)


def at(table: Table, index: Table) -> Table:
    """The entries of a table at each position of an index table, along the last axis."""
    return table.gather(-1, index) if isinstance(table, Tensor) else table[..., index]

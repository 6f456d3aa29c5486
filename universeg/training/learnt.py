"""What came of a step, read from the device when it is needed, so that a GPU need not be waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import overload

import torch
from torch import Tensor
from torch.optim import Adam

from universeg.training.distributed import Gathered


class TrainingError(ValueError):
    """Training cannot continue. The message says why, and what to do."""


def read_late(device: torch.device) -> bool:
    """Whether the losses of a step are read during the next one: on a GPU, which then always has work to do."""
    return device.type == "cuda"


class Learnt(Sequence[tuple[str, float]]):
    """The task of each episode of a step, and its loss before the step. Its first reading waits for the device."""

    def __init__(self, step: int, tasks: Sequence[str], losses: Tensor, norm: Tensor) -> None:
        self.step, self.tasks = step, tasks
        self.numbers = torch.cat([losses.double(), norm.double().view(1)])  # the losses, and the norm of the gradients
        self._pairs: list[tuple[str, float]] | None = None

    def check(self, numbers: Sequence[float] | None = None) -> None:
        """Raises TrainingError if a loss or the norm is not finite. `numbers` are both, if they were read before."""
        *losses, norm = self.numbers.tolist() if numbers is None else numbers
        for what, values in (("loss", losses), ("norm of the gradients", [norm])):
            if not all(map(isfinite, values)):
                raise TrainingError(
                    f"step {self.step}: the {what} is not finite, {values}, for the tasks {', '.join(self.tasks)};"
                    " continue from an earlier checkpoint with a smaller --learning-rate or with --precision float32"
                )
        self._pairs = list(zip(self.tasks, losses, strict=True))

    @overload
    def __getitem__(self, index: int) -> tuple[str, float]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, float]]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, float] | list[tuple[str, float]]:
        if self._pairs is None:
            self.check()
        assert self._pairs is not None
        return self._pairs[index]

    def __len__(self) -> int:
        return len(self.tasks)


@dataclass(frozen=True)
class StepTold:
    """A step that all processes told each other of, and that is not logged yet."""

    learnt: Learnt
    told: Gathered
    entries: int  # N
    waited: float  # seconds, for its data
    shown: tuple[Tensor, Tensor, Tensor]  # images and masks (1 + N, 1, H, W) and logits (1, H, W) of one episode


def update_if_finite(optimiser: Adam, learnt: Learnt) -> None:
    """Make the next step of a fused optimiser change nothing if a loss or the norm is not finite.

    The device decides, because this process only knows the numbers later.
    """
    found = torch.isfinite(learnt.numbers).all().logical_not().float()
    vars(optimiser).update(grad_scale=None, found_inf=found)  # the attributes by which GradScaler says it

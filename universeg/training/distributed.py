"""One run in several processes, as torchrun starts them; without it there is one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, Self, TypeVar

import torch
from torch import distributed, nn

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among its equals. Process `rank` of `world` learns from the items rank, rank + world, ..."""

    rank: int = 0
    world: int = 1
    local: int = 0  # its number on its machine, which is the number of its GPU

    @classmethod
    def of_torchrun(cls) -> Self:
        if not distributed.is_torchelastic_launched():
            return cls()
        return cls(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))

    @property
    def first(self) -> bool:
        """Whether this is the process that tells and saves."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """The device of this process where a user asked for `name`: each has its own GPU."""
        gpus = name == "cuda" or (name == "auto" and torch.cuda.is_available())
        return f"cuda:{self.local}" if gpus and self.world > 1 else name

    def items(self, batch_size: int) -> range:
        """Which items of a batch are this process's; raises ValueError if they cannot be shared out evenly."""
        if batch_size % self.world:
            raise ValueError(
                f"batch_size must be a multiple of the {self.world} processes, got {batch_size};"
                f" try --batch-size {self.world}"
            )
        return range(self.rank, batch_size, self.world)

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Within it, the processes can talk to each other."""
        if self.world == 1:
            yield
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def average_gradients(self, model: nn.Module) -> None:
        """Give every process the mean of all processes' gradients.

        DistributedDataParallel would do so too, but can hang when a run ends: it is the last to hold the process
        group, whose thread may be waiting for the interpreter's lock when DistributedDataParallel, with that lock,
        waits for the thread. The few MB of this network gain nothing from its overlap with the backward pass.
        """
        if self.world == 1:
            return
        # What the last block would pass on as support has no use and gets no gradient, in any process.
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        means = torch.split(together / self.world, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def gathered(self, own: Sequence[T]) -> list[T]:
        """The values of all items of a batch in order, from each process its own."""
        if self.world == 1:
            return list(own)
        everyone: list[Any] = [None] * self.world
        distributed.all_gather_object(everyone, list(own))
        return list(chain.from_iterable(zip_longest(*everyone)))

    def any(self, own: bool) -> bool:
        """Whether it is so in any process: they stop together."""
        return any(self.gathered([own]))

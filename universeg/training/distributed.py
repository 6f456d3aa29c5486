"""Training in several processes, as torchrun starts them; without torchrun there is one process."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Ranks:
    """This process among all processes of the run. It learns from the items rank, rank + world_size, ... of a batch."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0  # number of the process on its machine, and of its GPU

    @classmethod
    def of_torchrun(cls) -> Self:
        """The place of this process, from the environment variables that torchrun sets."""
        if not distributed.is_torchelastic_launched():
            return cls()
        return cls(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))

    @property
    def first(self) -> bool:
        """Whether this is the process that validates, logs and saves."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """The device of this process if the user requested `name`; with several processes, each has its own GPU."""
        gpus = name == "cuda" or (name == "auto" and torch.cuda.is_available())
        return f"cuda:{self.local_rank}" if gpus and self.world_size > 1 else name

    def items(self, batch_size: int) -> range:
        """The items of a batch that this process handles; raises ValueError if they cannot be divided evenly."""
        if batch_size % self.world_size:
            raise ValueError(
                f"batch_size must be a multiple of the number of processes, {self.world_size}, got {batch_size};"
                f" try --batch-size {self.world_size}"
            )
        return range(self.rank, batch_size, self.world_size)

    @contextmanager
    def process_group(self, device: torch.device) -> Iterator[None]:
        """Within this context the processes can communicate."""
        if self.world_size == 1:
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
        """Replace the gradients by their mean over all processes.

        DistributedDataParallel would do this too, but it can hang at the end of a run: it holds the last reference to
        the process group, and waits, with the interpreter's lock, for a thread of the group that waits for that lock.
        Its overlap with the backward pass would gain nothing for the few MB of this network.
        """
        if self.world_size == 1:
            return
        # The support branch of the last block has no use, so it has no gradient in any process.
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        means = torch.split(flat / self.world_size, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def gather(self, own: Sequence[float]) -> list[list[float]]:
        """The numbers of every process in the order of their ranks, exactly; all processes give equally many."""
        if self.world_size == 1:
            return [list(own)]
        # One all-reduce: each process fills its own row, and the others add zeros to it.
        where = torch.device("cuda", self.local_rank) if distributed.get_backend() == "nccl" else torch.device("cpu")
        rows = torch.zeros(self.world_size, len(own), dtype=torch.float64, device=where)
        rows[self.rank] = torch.tensor(own, dtype=torch.float64)
        distributed.all_reduce(rows)
        gathered: list[list[float]] = rows.tolist()
        return gathered

    def any(self, own: bool) -> bool:
        """Whether it is true in any process."""
        return any(flag for (flag,) in self.gather([own]))

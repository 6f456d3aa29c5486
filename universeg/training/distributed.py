"""Training in several processes, as torchrun starts them; without torchrun there is one process."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, distributed


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

    def items(self, batch_size: int, tasks_at_once: int = 1) -> range:
        """The items of a batch that this process handles; raises ValueError if they cannot be divided evenly."""
        share = self.world_size * tasks_at_once
        if batch_size % share:
            times = f" times tasks_at_once, {tasks_at_once}" if tasks_at_once > 1 else ""
            raise ValueError(
                f"batch_size must be a multiple of the number of processes, {self.world_size}{times}, got {batch_size};"
                f" try --batch-size {share}"
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

    def gather(self, own: Sequence[float]) -> list[list[float]]:
        """The numbers of every process in the order of their ranks, exactly; all processes give equally many."""
        return self.gather_later(torch.tensor(own, dtype=torch.float64)).read()

    def gather_later(self, own: Tensor) -> "Gathered":
        """The same for a tensor of float64, read when it is needed; nothing waits before."""
        if self.world_size == 1:
            return Gathered(own[None], None)
        # One all-reduce: each process fills its own row, and the others add zeros to it.
        if distributed.get_backend() == "nccl":
            own = own.to(torch.device("cuda", self.local_rank), non_blocking=True)
        rows = own.new_zeros(self.world_size, len(own))
        rows[self.rank] = own
        return Gathered(rows, distributed.all_reduce(rows, async_op=True))

    def any(self, own: bool) -> bool:
        """Whether it is true in any process."""
        return any(flag for (flag,) in self.gather([own]))


class Gathered:
    """The numbers of all processes, on their way to this one."""

    def __init__(self, rows: Tensor, work: Any) -> None:
        self._work = work
        if rows.is_cuda:
            if work is not None:
                work.wait()  # of the stream, not of this process
            self._rows = rows.to("cpu", non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()
        else:
            self._rows = rows

    def read(self) -> list[list[float]]:
        """Wait until they are here."""
        if hasattr(self, "_arrived"):
            self._arrived.synchronize()
        elif self._work is not None:
            self._work.wait()
        rows: list[list[float]] = self._rows.tolist()
        return rows

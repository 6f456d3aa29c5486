"""The mean of the gradients over all processes, exchanged while the rest of them is still being computed.

DistributedDataParallel does the same, but it can hang at the end of a run: it holds the last reference to the process
group, and waits, with the interpreter's lock, for a thread of the group that waits for that lock.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, distributed, nn

BUCKET_BYTES = 1 << 20  # of gradients that are sent together: a fifth of the network's


class GradientExchange:
    """Replaces the gradients of a model by their mean over `world_size` processes."""

    def __init__(self, model: nn.Module, world_size: int) -> None:
        self._model, self._world_size = model, world_size
        self._buckets: list[_Bucket] | None = None  # not before the first step: some parameters have no gradient
        for parameter in model.parameters() if world_size > 1 else ():
            parameter.register_post_accumulate_grad_hook(self._arrived)  # type: ignore[no-untyped-call]

    def finish(self) -> None:
        """Wait for the exchange; call it after each backward pass."""
        if self._world_size == 1:
            return
        if self._buckets is None:
            # The support branch of the last block has no use, so it has no gradient in any process. Backward passes
            # compute the last gradients first.
            known = [parameter for parameter in self._model.parameters() if parameter.grad is not None]
            self._buckets = _in_buckets(known[::-1])
            for parameter in known:
                self._arrived(parameter)
        for bucket in self._buckets:
            bucket.finish(self._world_size)

    def _arrived(self, parameter: Tensor) -> None:
        """A gradient is complete. Buckets are sent in the same order by all processes."""
        for bucket in self._buckets or ():
            bucket.missing.discard(id(parameter))
        for bucket in takewhile(lambda bucket: not bucket.missing, self._buckets or ()):
            bucket.send()


class _Bucket:
    """Some parameters whose gradients are sent together."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = parameters
        self._start()

    def _start(self) -> None:
        self.missing = {id(parameter) for parameter in self._parameters}
        self._sent: tuple[Tensor, Any] | None = None

    def send(self) -> None:
        """Start the sum over all processes, if it was not started before."""
        if self._sent is None:
            flat = torch.cat([_gradient(parameter).flatten() for parameter in self._parameters])
            self._sent = flat, distributed.all_reduce(flat, async_op=True)

    def finish(self, world_size: int) -> None:
        """Wait for the sum, and write the mean."""
        assert self._sent is not None, "a parameter has no gradient that had one in the first step"
        flat, work = self._sent
        work.wait()
        parts = torch.split(flat.div_(world_size), [parameter.numel() for parameter in self._parameters])
        for parameter, mean in zip(self._parameters, parts, strict=True):
            _gradient(parameter).copy_(mean.view_as(parameter))
        self._start()


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _in_buckets(parameters: Sequence[Tensor]) -> list[_Bucket]:
    """Buckets of at least BUCKET_BYTES, except for the last one."""
    parts, size = [list[Tensor]()], 0
    for parameter in parameters:
        if size >= BUCKET_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(parameter)
        size += parameter.numel() * parameter.element_size()
    return [_Bucket(part) for part in parts if part]

"""CUDA graphs: the kernels of a computation are recorded once, and then started together."""

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

MOST_GRAPHS = 16  # of a network; the one that was not used for longest is dropped
MOST_PIXELS = 1 << 22  # of images in a call; larger work does not wait for launches, and its graph would hold memory
SEEN_BEFORE = 2  # calls with a shape before it is recorded, so that a shape that is used once costs nothing

T = TypeVar("T")
Compute = Callable[[Tensor, Tensor, Tensor], Tensor]


class Recorded(Generic[T]):
    """A computation without arguments, as the CUDA graph of its kernels. Its results are overwritten by each replay."""

    def __init__(self, compute: Callable[[], T], pool: Any = None) -> None:
        """Run the computation once, then record it. Raises RuntimeError if it cannot be recorded.

        Graphs with the same `pool` share memory; they must not run at the same time.
        """
        self._graph = torch.cuda.CUDAGraph()
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            compute()  # libraries allocate their memory
        torch.cuda.current_stream().wait_stream(beside)
        # Other threads, such as data loaders, may use the GPU meanwhile.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._results = compute()

    def __call__(self) -> T:
        self._graph.replay()
        return self._results


class ShapeCache(Generic[T]):
    """What was recorded for each key: the key is recorded when it is seen often, and given up if that fails."""

    def __init__(self, most: int = MOST_GRAPHS, seen_before: int = SEEN_BEFORE) -> None:
        self._most, self._seen_before = most, seen_before
        self._calls, self._recorded = OrderedDict[Hashable, int](), OrderedDict[Hashable, T]()
        self._failed = False

    def get(self, key: Hashable, record: Callable[[], T]) -> T | None:
        """What `record` returned for this key; None if it should not or cannot be recorded."""
        if key in self._recorded:
            self._recorded.move_to_end(key)
            return self._recorded[key]
        calls = self._calls.pop(key, 0)
        self._calls[key] = calls + 1
        if len(self._calls) > 8 * self._most:
            self._calls.popitem(last=False)
        if self._failed or calls < self._seen_before:
            return None
        try:
            found = record()
        except RuntimeError as error:  # torch's errors of CUDA, among them that memory ran out
            self._failed = True
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            warnings.warn(f"no CUDA graph could be recorded, so small work is slower: {reason}", stacklevel=2)
            return None
        self._recorded[key] = found
        if len(self._recorded) > self._most:
            self._recorded.popitem(last=False)
        return found


class _Inference:
    """The network's logits for one shape of the inputs, recorded."""

    def __init__(self, compute: Compute, inputs: tuple[Tensor, Tensor, Tensor], pool: Any) -> None:
        self._inputs = tuple(value.clone(memory_format=torch.contiguous_format) for value in inputs)
        uncached = _without_autocast_cache(inputs[0].device.type)
        self._logits = Recorded(lambda: uncached(compute, *self._inputs), pool)

    def __call__(self, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given)
        return self._logits().clone()


def _without_autocast_cache(device: str) -> Callable[..., Tensor]:
    """Calls a function in the current autocast, but so that every cast of weights is recorded."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)

    def call(compute: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        with torch.autocast(device, dtype, cache_enabled=False) if enabled else nullcontext():
            return compute(*inputs)

    return call


class InferenceGraphs:
    """Graphs of networks in inference, by the network, the shapes, the precision and the place of the weights."""

    def __init__(self, record: Callable[..., Callable[..., Tensor]] = _Inference) -> None:
        self._record = record
        self._of = WeakKeyDictionary[nn.Module, tuple[ShapeCache[Callable[..., Tensor]], object]]()
        self._lock = threading.Lock()

    def __call__(self, network: nn.Module, compute: Compute, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """`compute(*inputs)`, or the same from a graph. The result belongs to the caller."""
        if not can_record(network, inputs) or not self._lock.acquire(blocking=False):
            return compute(*inputs)
        try:
            if network not in self._of:
                self._of[network] = ShapeCache(), _new_pool(inputs[0].device)
            cache, pool = self._of[network]
            replay = cache.get(_key(network, inputs), lambda: self._record(compute, inputs, pool))
            return compute(*inputs) if replay is None else replay(inputs)
        finally:
            self._lock.release()


def can_record(network: nn.Module, inputs: tuple[Tensor, ...]) -> bool:
    """Whether this call may be a graph: inference in evaluation mode, small, without hooks that a graph would skip."""
    pixels = sum(value.numel() for value in inputs[:2])
    if not torch.is_inference_mode_enabled() or network.training or pixels > MOST_PIXELS:
        return False
    if any(module._forward_hooks or module._forward_pre_hooks for module in network.modules()):
        return False
    return not inputs[0].is_cuda or _on_the_main_stream(inputs[0].device)


def _on_the_main_stream(device: torch.device) -> bool:
    if device.index != torch.cuda.current_device() or torch.cuda.is_current_stream_capturing():
        return False
    return torch.cuda.current_stream() == torch.cuda.default_stream()


def _new_pool(device: torch.device) -> object:
    return torch.cuda.graph_pool_handle() if device.type == "cuda" else None


def _key(network: nn.Module, inputs: tuple[Tensor, ...]) -> Hashable:
    device = inputs[0].device
    cast = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    exact = torch.backends.cudnn.allow_tf32, torch.are_deterministic_algorithms_enabled()
    weights = tuple((weight.data_ptr(), weight.dtype) for weight in network.parameters())
    return tuple((value.shape, value.dtype) for value in inputs), device, cast, exact, weights

"""How the work of a kernel is divided into programs, and the order in memory that kernels read."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Self

import torch
import triton.language as tl
from torch import Tensor

VALUES = 4096  # in a block of a program: 16 or 32 registers of each thread
PROGRAMS = 512  # at least, if there are enough entries: some for each multiprocessor of a large GPU


@dataclass(frozen=True)
class Work:
    """Work on all entries of a support set. A program has P windows of a batch item, for `per_split` entries."""

    entries: int
    batch: int
    high: int
    wide: int
    features: int
    window: int  # pixels that are pooled to one: 4, or 1 without pooling
    dtype: torch.dtype
    values: int  # in a block of a program

    @classmethod
    def on(cls, shared: Tensor, rows: int, window: int, values: int = VALUES) -> Self:
        """For so many rows of entries, and the query's part (B, H, W, F) that each entry gets."""
        batch, high, wide, features = shared.shape
        return cls(rows // batch, batch, high, wide, features, window, shared.dtype, values)

    @property
    def at_once(self) -> int:
        """Windows of a program (P)."""
        return max(4, self.values // (self.window * padded(self.features)))

    @property
    def tiles(self) -> int:
        """Programs that share the windows of a batch item."""
        return -(-self.high * self.wide // self.window // self.at_once)

    @property
    def per_split(self) -> int:
        """Entries of a program. With few tiles, several programs share the entries of a batch item."""
        return -(-self.entries // min(self.entries, max(1, PROGRAMS // (self.tiles * self.batch))))

    @property
    def splits(self) -> int:
        """Programs that share the entries of a batch item."""
        return -(-self.entries // self.per_split)

    @property
    def grid(self) -> tuple[int, int, int]:
        return self.tiles, self.batch, self.splits

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """Arguments of every kernel."""
        return self.entries, self.batch, self.high, self.wide

    @property
    def constants(self) -> dict[str, Any]:
        """Arguments that a kernel is compiled for."""
        sizes = {"F": self.features, "BF": padded(self.features), "P": self.at_once}
        return {**sizes, "ACC": accumulator(self.dtype)}

    def sums(self, like: Tensor, pooled: bool = False) -> Tensor:
        """Memory for the sums over the entries of each program (splits, B, H, W, F)."""
        high, wide = (self.high // 2, self.wide // 2) if pooled else (self.high, self.wide)
        return like.new_empty(self.splits, self.batch, high, wide, self.features)


def on_device_of(tensor: Tensor) -> AbstractContextManager[object]:
    """Kernels start on the GPU of this tensor."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def padded(features: int) -> int:
    """The number of features of a block: a power of two, and at least 16 for matrix products."""
    return max(16, 1 << (features - 1).bit_length())


def accumulator(dtype: torch.dtype) -> Any:
    """The type in which a kernel adds."""
    return tl.float64 if dtype == torch.float64 else tl.float32


def matrix_precision() -> str:
    """How a kernel multiplies float32 matrices: as convolutions of PyTorch do."""
    return "tf32" if torch.backends.cudnn.allow_tf32 else "ieee"


def pixels_last(tensor: Tensor) -> Tensor:
    """(R, C, H, W) as (R, H, W, C), or (R, C, W) as (R, W, C), in this order in memory; a copy only if it is needed."""
    return tensor.movedim(1, -1).contiguous()


def channels_first(tensor: Tensor) -> Tensor:
    """The view (R, C, H, W) of (R, H, W, C): channels last in memory, as convolutions return them."""
    return tensor.movedim(-1, 1)


def summed(parts: Tensor) -> Tensor:
    """The sum over the first axis (splits, B, H, W, F) as (B, F, H, W)."""
    return channels_first(parts[0] if len(parts) == 1 else parts.sum(0, dtype=parts.dtype))


def with_pixel_stride(gradient: Tensor) -> tuple[Tensor, int]:
    """A gradient (R, C, H, W) and the distance of two of its pixels: larger than C if it is a part of a tensor."""
    _, channels, high, wide = gradient.shape
    step = gradient.stride(3)
    if gradient.stride() == (high * wide * step, 1, wide * step, step):
        return gradient, step
    return pixels_last(gradient), channels

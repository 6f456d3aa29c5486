"""The three steps of `plain.py` in one pass over memory each, with gradients: starts the kernels of `kernels.py`.

Same arguments and results as in `plain.py`. On a GPU the time of these steps is that of reading and writing features.
The plain ones read and write full-size features about ten times where one kernel writes the features at half the size
and the sum only. Triton must be installed; torch for CUDA on Linux brings it. Images and masks get no gradient.
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from universeg.model.blocks import SLOPE
from universeg.model.fast import enlarge_kernels, kernels
from universeg.model.fast.plain import Finished, Pooled
from universeg.model.fast.work import (
    VALUES,
    Work,
    accumulator,
    channels_first,
    matrix_precision,
    on_device_of,
    padded,
    pixels_last,
    summed,
    with_pixel_stride,
)
from universeg.model.fused_conv import edge_corrections, merged_kernel

PADDED_TAPS = 64
MOST_PROGRAMS = 1024  # that sum gradients of weights, each in memory of its own


def first_block(rows: Tensor, first: Tensor, second: Tensor, shared: Tensor) -> Pooled:
    """As `plain.first_block`."""
    weights = merged_kernel(first, second).permute(2, 3, 1, 0).flatten(0, 2)
    weights = functional.pad(weights, (0, 0, 0, PADDED_TAPS - len(weights)))
    edges = (pixels_last(edge) for edge in edge_corrections(rows, first, second))
    tensors = (tensor.to(shared.dtype) for tensor in (rows, weights, shared, *edges))
    return cast(Pooled, _FirstBlock.apply(*tensors))  # type: ignore[no-untyped-call]


def finish(rows: Tensor, shared: Tensor, pool: bool) -> Finished:
    """As `plain.finish`."""
    return cast(Finished, _Finish.apply(rows, shared.to(rows.dtype), pool))  # type: ignore[no-untyped-call]


def enlarge_and_join(below: Tensor, skip: Tensor) -> Tensor:
    """As `plain.enlarge_and_join`."""
    return cast(Tensor, _EnlargeAndJoin.apply(below, skip.to(below.dtype)))  # type: ignore[no-untyped-call]


class _FirstBlock(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weights: Tensor, shared: Tensor, *edges: Tensor) -> Pooled:
        rows, shared = pixels_last(rows), pixels_last(shared)
        work, tensors = _convolution(rows, shared), (rows, weights.contiguous(), shared, *edges)
        pooled = shared.new_empty(len(rows), work.high // 2, work.wide // 2, work.features)
        total, pooled_total = work.sums(shared), work.sums(shared, pooled=True)
        with on_device_of(rows):
            kernels.first_block[work.grid](
                *tensors, pooled, total, pooled_total, *work.numbers, work.per_split,
                **work.constants, SLOPE=SLOPE, PRECISION=matrix_precision(), num_warps=4,
            )  # fmt: skip
        ctx.save_for_backward(*tensors)
        return channels_first(pooled), summed(total), summed(pooled_total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weights, shared, *edges = ctx.saved_tensors
        work = _convolution(rows, shared)
        programs = min(work.tiles * work.batch, MOST_PROGRAMS)
        exact = torch.promote_types(shared.dtype, torch.float32)
        d_weights = weights.new_empty((programs, *weights.shape), dtype=exact)
        outgoing = [torch.empty_like(tensor) for tensor in (shared, *edges)]
        with on_device_of(rows):
            kernels.first_block_gradient[(programs,)](
                *ctx.saved_tensors, *map(pixels_last, gradients), d_weights, *outgoing, *work.numbers, work.tiles,
                **work.constants, SLOPE=SLOPE, PRECISION=matrix_precision(), num_warps=4,
            )  # fmt: skip
        d_shared, *d_edges = outgoing
        return None, d_weights.sum(0).to(weights.dtype), channels_first(d_shared), *d_edges


def _convolution(rows: Tensor, shared: Tensor) -> Work:
    """Smaller blocks for float32 without TF32, which needs more registers."""
    exact = shared.dtype == torch.float32 and matrix_precision() == "ieee"
    return Work.on(shared, len(rows), 4, VALUES // 2 if exact else VALUES)


class _Finish(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, shared: Tensor, pool: bool) -> Finished:
        ctx.set_materialize_grads(False)
        rows, shared = pixels_last(rows), pixels_last(shared)
        ctx.work = work = Work.on(shared, len(rows), 4 if pool else 1)
        active, total = torch.empty_like(rows), work.sums(rows)
        pooled = rows.new_empty(len(rows), work.high // 2, work.wide // 2, work.features) if pool else active
        pooled_total = work.sums(rows, pooled=True) if pool else total
        with on_device_of(rows):
            kernels.finish[work.grid](
                rows, shared, active, pooled, total, pooled_total, *work.numbers, work.per_split,
                **work.constants, SLOPE=SLOPE, K=work.window,
            )  # fmt: skip
        ctx.save_for_backward(active)
        results = channels_first(active), summed(total)
        return (*results, channels_first(pooled), summed(pooled_total)) if pool else (*results, None, None)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        d_active: Tensor | None,
        d_total: Tensor | None,
        d_pooled: Tensor | None,
        d_pooled_total: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        (active,), work = ctx.saved_tensors, ctx.work
        half = work.high // 2, work.wide // 2, work.features
        d_y, pixel = (active, work.features) if d_active is None else with_pixel_stride(d_active)
        sums = [_or_zeros(d_total, active, (work.batch, *active.shape[1:]))]
        if work.window == 4:
            sums = [_or_zeros(d_pooled, active, (len(active), *half)), *sums]
            sums.append(_or_zeros(d_pooled_total, active, (work.batch, *half)))
        else:
            sums = [active, *sums, active]  # not read
        d_rows, d_shared = torch.empty_like(active), work.sums(active)
        with on_device_of(active):
            kernels.finish_gradient[work.grid](
                active, d_y, *sums, d_rows, d_shared, *work.numbers, work.per_split,
                **work.constants, SLOPE=SLOPE, K=work.window, HAS_D_Y=d_active is not None,
                D_Y_PIXEL=pixel,
            )  # fmt: skip
        return channels_first(d_rows), summed(d_shared), None


def _or_zeros(gradient: Tensor | None, like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return like.new_zeros(shape) if gradient is None else pixels_last(gradient)


class _EnlargeAndJoin(Function):
    @staticmethod
    def forward(ctx: Any, below: Tensor, skip: Tensor) -> Tensor:
        ctx.features = of_below, of_skip = below.shape[1], skip.shape[1]
        below, skip = pixels_last(below), pixels_last(skip)
        rows, high, wide, _ = skip.shape
        joined = below.new_empty(rows, high, wide, of_below + of_skip)
        at_once = VALUES // padded(max(ctx.features))
        with on_device_of(below):
            enlarge_kernels.enlarge_and_join[(-(-high * wide // at_once), rows)](
                below, skip, joined, high, wide, *_steps(high, wide), FB=of_below, FS=of_skip,
                BB=padded(of_below), BS=padded(of_skip), P=at_once, ACC=accumulator(below.dtype),
            )  # fmt: skip
        return channels_first(joined)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_joined: Tensor) -> tuple[Tensor, Tensor]:
        of_below, of_skip = ctx.features
        found = pixels_last(d_joined)
        rows, high, wide, _ = found.shape
        d_below = found.new_empty(rows, high // 2, wide // 2, of_below)
        at_once = VALUES // padded(of_below)
        with on_device_of(found):
            enlarge_kernels.enlarge_gradient[(-(-high * wide // 4 // at_once), rows)](
                found, d_below, high, wide, *_steps(high, wide), FB=of_below, FS=of_skip,
                BB=padded(of_below), P=at_once, ACC=accumulator(found.dtype),
            )  # fmt: skip
        return channels_first(d_below), channels_first(found[..., of_below:])


def _steps(high: int, wide: int) -> tuple[float, float]:
    """How far apart two enlarged pixels are, in pixels from below: the corners of both lie on each other."""
    return (high // 2 - 1) / (high - 1), (wide // 2 - 1) / (wide - 1)

"""Two convolutions with nothing between them, as one.

From few channels by way of many, one 5 x 5 kernel costs far less than two of 3 x 3: in the first block 3,200
multiply-adds per pixel and support entry in place of 38,000.
"""

from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional


def fused_convs(features: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Conv_second(Conv_first(features)): (N, C, H, W) by (G, C, 3, 3) and (F, G, 3, 3) to (N, F, H, W), no bias."""
    with torch.autocast(features.device.type, enabled=False):  # a kernel made of two is to be as exact as each was
        kernel = functional.conv_transpose2d(second, first)  # each product of taps, where the two steps lead
    result = functional.conv2d(features, kernel.to(memory_format=torch.channels_last), padding=2)
    edges = _by_way_of_the_ring(features, first, second)
    return cast(Tensor, _LessAtEdges.apply(result, *edges))  # type: ignore[no-untyped-call]


def _by_way_of_the_ring(features: Tensor, first: Tensor, second: Tensor) -> list[Tensor]:
    """What the first and last row, and the first and last column, have by way of the pixels around the image.

    Between two convolutions those are padding, which is zero; the one kernel goes on as if they were image. Of each
    kernel one row or column of taps takes part: out with `first`, and back in with `second`. Rows (N, F, W) include
    the ring's corners, columns (N, F, H) do not.
    """
    found = list[Tensor]()
    for edge, out, back in ((0, 2, 0), (-1, 0, 2)):
        around = functional.conv1d(features[:, :, edge], first[:, :, out], padding=2)
        found.append(functional.conv1d(around, second[:, :, back]))
    for edge, out, back in ((0, 2, 0), (-1, 0, 2)):
        around = functional.conv1d(features[..., edge], first[..., out], padding=1)
        found.append(functional.conv1d(around, second[..., back], padding=1))
    return found


class _LessAtEdges(Function):
    """Subtract from the rows and columns at the edges, in place. Left to autograd, each would copy all gradients."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, *edges: Tensor) -> Tensor:
        for edge, found in zip(_edges(result), edges, strict=True):
            edge -= found
        ctx.mark_dirty(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return gradients[0], *(-edge for edge in _edges(gradients[0]))


def _edges(result: Tensor) -> tuple[Tensor, ...]:
    return result[:, :, 0], result[:, :, -1], result[..., 0], result[..., -1]

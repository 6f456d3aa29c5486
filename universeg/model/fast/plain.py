"""The three steps that `fused.py` does in one pass each, in plain PyTorch: their meaning, and the fallback."""

from torch import Tensor
from torch.nn import functional

from universeg.model.blocks import join, plus
from universeg.model.fused_conv import fused_convs
from universeg.model.support_set import entry_sum

Pooled = tuple[Tensor, Tensor, Tensor]
Finished = tuple[Tensor, Tensor, Tensor | None, Tensor | None]


def first_block(rows: Tensor, first: Tensor, second: Tensor, shared: Tensor) -> Pooled:
    """Two convolutions of images and masks (n * B, 2, H, W), plus the query's part (B, F, H, W), and LeakyReLU.

    The kernels are `first` (G, 2, 3, 3) and `second` (F, G, 3, 3). Gives the features at half the size
    (n * B, F, H / 2, W / 2), and their sums over the entries at full size and at half the size.
    """
    active = plus(fused_convs(rows, first, second), shared, activation=True)
    pooled = functional.max_pool2d(active, 2)
    return pooled, entry_sum(active, len(shared)), entry_sum(pooled, len(shared))


def finish(rows: Tensor, shared: Tensor, pool: bool) -> Finished:
    """Entries (n * B, F, H, W) plus the query's part (B, F, H, W), and LeakyReLU; and their sum over the entries.

    With `pool`, also both at half the size.
    """
    active = plus(rows, shared, activation=True)
    total = entry_sum(active, len(shared))
    if not pool:
        return active, total, None, None
    pooled = functional.max_pool2d(active, 2)
    return active, total, pooled, entry_sum(pooled, len(shared))


def enlarge_and_join(below: Tensor, skip: Tensor) -> Tensor:
    """Features (R, C, H / 2, W / 2), enlarged bilinearly, and those of the skip connection: (R, C + S, H, W)."""
    return join(below, skip)

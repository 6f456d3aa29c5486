"""The network of `network.py`, from larger steps: the same result, with fewer passes over memory.

It differs in two ways. The last convolution of a block is applied to the query's part once, not for each entry:
Conv(v + u) = Conv(v) + Conv(u). And everything after it is one step for all entries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import cast

from torch import Tensor
from torch.nn import functional

from universeg.model.blocks import CrossBlock
from universeg.model.cross_conv import REACH
from universeg.model.support_set import entry_sum


@dataclass
class Level:
    """Features of the support entries: in portions (n * B, C, H, W), and their sum (B, C, H, W)."""

    entries: int
    total: Tensor | None = None
    rows: list[Tensor] = field(default_factory=list)

    def add(self, total: Tensor, rows: Tensor | None = None) -> None:
        """Add the sum over a portion of the entries, and the portion if it is kept."""
        self.total = total if self.total is None else self.total + total
        if rows is not None:
            self.rows.append(rows)

    @property
    def mean(self) -> Tensor:
        """The mean over all entries (B, C, H, W)."""
        assert self.total is not None, "a support has at least one entry"
        return self.total / self.entries


def features(
    encoder: Sequence[CrossBlock],
    decoder: Sequence[CrossBlock],
    query: Tensor,
    pairs: Sequence[Tensor],
    steps: ModuleType,
) -> Tensor:
    """The query's features (B, F, H, W) after the last block, for queries (B, 1, H, W).

    `pairs` has images and masks of the support entries in portions (n * B, 2, H, W). `steps` is the module `plain` or
    `fused`. The network must be the published one, with two stages or more.
    """
    skips = list[tuple[Tensor, Level]]()
    query, skip, support = _first_block(encoder[0], query, pairs, steps)
    skips.append((query, skip))
    for block in encoder[1:-1]:
        query, skip, support = _block(block, functional.max_pool2d(query, 2), support, steps, pool=True)
        skips.append((query, skip))
    query, support, _ = _block(encoder[-1], functional.max_pool2d(query, 2), support, steps)
    for block in decoder:
        query_skip, skip = skips.pop()
        query = steps.enlarge_and_join(query, query_skip)
        joined = Level(support.entries, steps.enlarge_and_join(support.mean, skip.mean) * support.entries)
        if not skips:
            return _query(block, block.cross.of_query(query), joined)
        joined.rows = [steps.enlarge_and_join(*rows) for rows in zip(support.rows, skip.rows, strict=True)]
        query, support, _ = _block(block, query, joined, steps)
    raise AssertionError("the last block returns")


def _first_block(
    block: CrossBlock, query: Tensor, pairs: Sequence[Tensor], steps: ModuleType
) -> tuple[Tensor, Level, Level]:
    """The new query, the sum of the new support at full size, and the new support at half the size."""
    batch = len(query)
    images = Level(sum(map(len, pairs)) // batch)
    for rows in pairs:
        images.add(entry_sum(rows, batch))
    shared = block.cross.of_query(query)
    skip, half = Level(images.entries), Level(images.entries)
    first, second = block.cross.halves[1], block.support.vmapped.conv.weight
    own = block.support.vmapped(shared)
    for rows in pairs:
        pooled, total, pooled_total = steps.first_block(rows, first, second, own)
        skip.add(total)
        half.add(pooled_total, pooled)
    return _query(block, shared, images), skip, half


def _block(
    block: CrossBlock, query: Tensor, support: Level, steps: ModuleType, pool: bool = False
) -> tuple[Tensor, Level, Level]:
    """The new query, the new support, and with `pool` also at half the size."""
    shared = block.cross.of_query(query)
    full, half = Level(support.entries), Level(support.entries)
    second, own = block.support.vmapped.conv.weight, block.support.vmapped(shared)
    for rows in support.rows:
        crossed = functional.conv2d(block.cross.of_support(rows), second, padding=REACH)
        active, total, pooled, pooled_total = steps.finish(crossed, own, pool)
        full.add(total, active)
        if pool:
            half.add(pooled_total, pooled)
    return _query(block, shared, support), full, half


def _query(block: CrossBlock, shared: Tensor, support: Level) -> Tensor:
    """The new query, from its part of the cross-convolution and the mean over the support."""
    return cast(Tensor, block.target(block.cross.of_support(support.mean) + shared))

"""The support set inside the network: features of a few entries at a time, and their mean.

The network only returns the query, and the query only depends on means over the support entries. So features of entries
are stored only if a later block reads them, and a block processes a few entries at a time, while they are in the
processor's cache.

Entries are stacked along the batch: entry n of batch item b is row n * B + b of (N * B, C, H, W). So every 2-D
operation works on query and support alike, a range of entries is a view, and features of the query (B, C, H, W) fit
each entry.
"""

from collections.abc import Callable, Iterator

import torch
from einops import rearrange
from torch import Tensor

# Maximum bytes of one layer's features for the entries that are processed at once. On a CPU they fit into the
# second-level cache. On a GPU they are a small part of the memory, and enough work to keep it busy.
AT_ONCE = {"cpu": 1 << 22}
AT_ONCE_ELSEWHERE = 1 << 31
# In float32 without TF32, convolutions on a GPU choose methods that need several times the memory of their result.
AT_ONCE_EXACT = 1 << 28


def entries_at_once(query: Tensor, features: int) -> int:
    """How many support entries to process at once, for queries (B, C, H, W) and layers with this many features."""
    kind = query.device.type
    exact = query.dtype == torch.float32 and not torch.is_autocast_enabled(kind) and not torch.backends.cudnn.allow_tf32
    limit = AT_ONCE.get(kind, AT_ONCE_EXACT if exact else AT_ONCE_ELSEWHERE)
    batch, _, high, wide = query.shape
    return max(1, limit // (batch * features * high * wide * query.element_size()))


def by_entry(rows: Tensor, batch: int) -> Tensor:
    """Entries (n * B, C, H, W) as (n, B, H, W, C), without a copy: this is their order in memory (channels last)."""
    # In two steps, so that a gradient that must be copied has the same order in memory.
    return rearrange(rearrange(rows, "entries c h w -> entries h w c"), "(n b) h w c -> n b h w c", b=batch)


def entry_sum(rows: Tensor, batch: int) -> Tensor:
    """Sum over some entries: (n * B, C, H, W) -> (B, C, H, W)."""
    # This way, the sum keeps the order in memory that is fast for convolutions (channels last).
    return rows if len(rows) == batch else rearrange(by_entry(rows, batch).sum(0), "b h w c -> b c h w")


class Average:
    """The mean over all entries, which are added a few at a time."""

    def __init__(self, batch: int, entries: int) -> None:
        self.batch, self.entries = batch, entries
        self._total: Tensor | None = None

    def add(self, rows: Tensor) -> None:
        """Add some entries (n * B, C, H, W), or their sum (B, C, H, W)."""
        found = entry_sum(rows, self.batch)
        self._total = found if self._total is None else self._total + found

    @property
    def mean(self) -> Tensor:
        """The mean (B, C, H, W); all entries must have been added."""
        assert self._total is not None, "a support has at least one entry"
        return self._total / self.entries


class Support(Average):
    """The features of all entries, in the portions in which they were added, and their mean."""

    def __init__(self, batch: int, entries: int) -> None:
        super().__init__(batch, entries)
        self._rows = list[Tensor]()

    def add(self, rows: Tensor) -> None:
        super().add(rows)
        self._rows.append(rows)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._rows)


class Joined:
    """The decoder's support: the features from the level below, enlarged, joined with those of the skip connection.

    They are computed when they are read, and not stored.
    """

    def __init__(self, below: Support, skip: Average, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.batch, self.entries = below.batch, below.entries
        self._below, self._skip, self._join = below, skip, join

    def __iter__(self) -> Iterator[Tensor]:
        assert isinstance(self._skip, Support), "only the mean was kept"
        return map(self._join, self._below, self._skip)

    @property
    def mean(self) -> Tensor:
        """The mean (B, C, H, W). Enlarging is linear, so the mean is taken first."""
        return self._join(self._below.mean, self._skip.mean)

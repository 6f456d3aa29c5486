"""The support inside the network: a few entries at a time, and their mean.

Only the query is wanted, and it sees the support through means. So no more is kept of the entries than later blocks
read, and each few of them pass a block while they are in the processor's cache.

Entries lie along the batch: entry n of item b is row n * B + b of (N * B, C, H, W), so that every 2-D operation takes
query and support alike, whole entries can be cut off without a copy, and what belongs to the query, (B, C, H, W), is
the same for each of them.
"""

from collections.abc import Callable, Iterator

from einops import rearrange
from torch import Tensor

# Bytes that one layer's features of the entries in hand may take: what the second-level caches hold, or on a GPU what
# is little beside its memory and enough to keep it busy.
AT_ONCE = {"cpu": 1 << 22}
AT_ONCE_ELSEWHERE = 1 << 31


def entries_at_once(query: Tensor, features: int) -> int:
    """How many entries to take together, for queries (B, C, H, W) and layers of so many features."""
    limit = AT_ONCE.get(query.device.type, AT_ONCE_ELSEWHERE)
    batch, _, high, wide = query.shape
    return max(1, limit // (batch * features * high * wide * query.element_size()))


def by_entry(rows: Tensor, batch: int) -> Tensor:
    """Entries (n * B, C, H, W) as (n, B, H, W, C): the order in which features lie in memory, so a view."""
    # In two steps, so that a gradient that has to be copied is in that order too.
    return rearrange(rearrange(rows, "entries c h w -> entries h w c"), "(n b) h w c -> n b h w c", b=batch)


def entry_sum(rows: Tensor, batch: int) -> Tensor:
    """Sum over some entries: (n * B, C, H, W) -> (B, C, H, W)."""
    # Summed in any other order, the total would forget the one that convolutions want.
    return rows if len(rows) == batch else rearrange(by_entry(rows, batch).sum(0), "b h w c -> b c h w")


class Average:
    """The mean over all entries, of which a few come in at a time."""

    def __init__(self, batch: int, entries: int) -> None:
        self.batch, self.entries = batch, entries
        self._total: Tensor | None = None

    def add(self, rows: Tensor) -> None:
        """Take in some entries (n * B, C, H, W), or their sum (B, C, H, W)."""
        found = entry_sum(rows, self.batch)
        self._total = found if self._total is None else self._total + found

    @property
    def mean(self) -> Tensor:
        """(B, C, H, W)."""
        assert self._total is not None, "a support has at least one entry"
        return self._total / self.entries


class Support(Average):
    """The features of all entries, as many together as they came in, and their mean."""

    def __init__(self, batch: int, entries: int) -> None:
        super().__init__(batch, entries)
        self._rows = list[Tensor]()

    def add(self, rows: Tensor) -> None:
        super().add(rows)
        self._rows.append(rows)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._rows)


class Joined:
    """A smaller support enlarged, beside the one that skipped to here; made where it is read."""

    def __init__(self, below: Support, skip: Average, join: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.batch, self.entries = below.batch, below.entries
        self._below, self._skip, self._join = below, skip, join

    def __iter__(self) -> Iterator[Tensor]:
        assert isinstance(self._skip, Support), "only the mean was kept"
        return map(self._join, self._below, self._skip)

    @property
    def mean(self) -> Tensor:
        """(B, C, H, W): enlarging is linear, so the mean may come first."""
        return self._join(self._below.mean, self._skip.mean)

"""The CrossBlock: query and support features learn from each other, and both come out (paper, eq. 2)."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from universeg.model.cross_conv import REACH, CrossConv
from universeg.model.fused_conv import fused_convs
from universeg.model.support_set import Average, Joined, Support, by_entry

SLOPE = 0.01  # of LeakyReLU below zero

Entries = Support | Joined
T = TypeVar("T")


class Conv(nn.Module):
    """One convolution, (B, C, H, W) to (B, F, H, W); `conv` is its name in the published weights."""

    def __init__(self, channels: int, features: int, reach: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, features, 2 * reach + 1, padding=reach)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.conv(features))


class ActiveConv(nn.Module):
    """A 3 x 3 convolution and LeakyReLU; `vmapped` is its name in the published weights."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.vmapped = Conv(channels, features, REACH)

    def forward(self, features: Tensor) -> Tensor:
        return functional.leaky_relu(self.vmapped(features), SLOPE, inplace=True)


class CrossBlock(nn.Module):
    """Query (B, Cu, H, W) and support entries of Cv channels to F channels each, at the same size.

        z_i = A(Conv(u || v_i))    u' = A(Conv(mean of z))    v_i' = A(Conv(z_i))

    The order of the support has no influence on the query, which sees its mean. The first A is LeakyReLU in the
    paper's text (`cross_activation`); in the network that its authors published there is none. Both convolve the mean
    to get the new query, which eq. 2 leaves out and the published weights have.

    Without that first A, all up to z is linear, and less needs computing: the mean of z is z of the mean entry, and
    what the query adds to v_i' before its A is the same for each entry.
    """

    def __init__(self, query_channels: int, support_channels: int, features: int, cross_activation: bool) -> None:
        super().__init__()
        self.cross = CrossConv(query_channels, support_channels, features)
        self.target = ActiveConv(features, features)
        self.support = ActiveConv(features, features)
        self.cross_activation = cross_activation
        self.merged = not cross_activation and 25 * support_channels < 9 * (support_channels + features)

    def forward(
        self, query: Tensor, support: Entries, then: Callable[[Tensor], T], recompute: bool = False
    ) -> tuple[Tensor, Iterable[T]]:
        """The new query, and what `then` makes of the new support (n * B, F, H, W), a few entries at a time.

        With `recompute`, what happens to the support is computed again for the gradient, not kept for it.
        """
        shared = self.cross.of_query(query)
        if self.cross_activation:
            return self._activated(shared, support, then)
        return self.target(self._mean_crossed(shared, support)), self._each(shared, support, then, recompute)

    def last(self, query: Tensor, support: Entries) -> Tensor:
        """The new query, where nobody wants to know the new support."""
        return cast(Tensor, self.target(self._mean_crossed(self.cross.of_query(query), support)))

    def _mean_crossed(self, shared: Tensor, support: Entries) -> Tensor:
        if not self.cross_activation:
            return self.cross.of_support(support.mean).add_(shared)
        mean = Average(support.batch, support.entries)
        for rows in support:
            mean.add(self._crossed(shared, rows))
        return mean.mean

    def _crossed(self, shared: Tensor, rows: Tensor) -> Tensor:
        return plus(self.cross.of_support(rows), shared, self.cross_activation)

    def _activated(self, shared: Tensor, support: Entries, then: Callable[[Tensor], T]) -> tuple[Tensor, Iterable[T]]:
        mean, found = Average(support.batch, support.entries), list[T]()
        for rows in support:
            crossed = self._crossed(shared, rows)
            mean.add(crossed)
            found.append(then(self.support(crossed)))
        return self.target(mean.mean), found

    def _each(self, shared: Tensor, support: Entries, then: Callable[[Tensor], T], recompute: bool) -> Iterator[T]:
        if self.merged:
            shared = self.support.vmapped(shared)
        step = self._merged if self.merged else self._stepwise

        def made(rows: Tensor) -> T:
            return then(step(shared, rows))

        for rows in support:
            again = recompute and torch.is_grad_enabled()
            yield checkpoint(made, rows, use_reentrant=False, preserve_rng_state=False) if again else made(rows)

    def _stepwise(self, shared: Tensor, rows: Tensor) -> Tensor:
        return cast(Tensor, self.support(self._crossed(shared, rows)))

    def _merged(self, shared: Tensor, rows: Tensor) -> Tensor:
        """From few channels: both convolutions as one; `shared` has been through the second."""
        own = fused_convs(rows, self.cross.halves[1], self.support.vmapped.conv.weight)
        return plus(own, shared, activation=True)


def plus(rows: Tensor, shared: Tensor, activation: bool) -> Tensor:
    """Each of some entries (n * B, F, H, W), and to it what is the same for all, (B, F, H, W); then LeakyReLU."""
    alike = len(shared) in (1, len(rows))
    total = rows + shared if alike else by_entry(rows, len(shared)) + rearrange(shared, "b f h w -> b h w f")
    if activation:  # here, since autograd copies the whole gradient of what is changed in place through a view
        functional.leaky_relu_(total, SLOPE)
    return total if alike else rearrange(total, "n b h w f -> (n b) f h w")

"""The CrossBlock: it exchanges information between the features of query and support set (paper, eq. 2)."""

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

SLOPE = 0.01  # of LeakyReLU, for negative values

Entries = Support | Joined
T = TypeVar("T")


class Conv(nn.Module):
    """One convolution, (B, C, H, W) to (B, F, H, W). The published weights call it `conv`."""

    def __init__(self, channels: int, features: int, reach: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, features, 2 * reach + 1, padding=reach)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.conv(features))


class ActiveConv(nn.Module):
    """A 3 x 3 convolution and LeakyReLU. The published weights call it `vmapped`."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.vmapped = Conv(channels, features, REACH)

    def forward(self, features: Tensor) -> Tensor:
        return functional.leaky_relu(self.vmapped(features), SLOPE, inplace=True)


class CrossBlock(nn.Module):
    """Features of the query u (B, Cu, H, W) and of support entries v_i (Cv channels) to F channels each, same size.

        z_i = A(Conv(u || v_i))    u' = A(Conv(mean of z))    v_i' = A(Conv(z_i))

    The query only depends on the mean over the support entries, so their order has no influence. In the paper's text,
    the first A is LeakyReLU (`cross_activation`). The network that the authors published does not have this A. The
    convolution of the mean of z is not in eq. 2, but the published weights have it; both variants use it here.

    Without the first A, z is linear in u and v_i, which saves work: the mean of z equals z of the mean entry, and the
    query's contribution to v_i' (before the last A) is the same for all entries.
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
        """The new query, and the results of `then` on the new support entries (n * B, F, H, W), a few at a time.

        With `recompute`, the features of the support are not stored for the gradient but computed again.
        """
        shared = self.cross.of_query(query)
        if self.cross_activation:
            return self._activated(shared, support, then)
        return self.target(self._mean_crossed(shared, support)), self._each(shared, support, then, recompute)

    def last(self, query: Tensor, support: Entries) -> Tensor:
        """Only the new query. In the last block, the new support is not needed."""
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
        """For few input channels: both convolutions as one. The second one was already applied to `shared`."""
        own = fused_convs(rows, self.cross.halves[1], self.support.vmapped.conv.weight)
        return plus(own, shared, activation=True)


def plus(rows: Tensor, shared: Tensor, activation: bool) -> Tensor:
    """Support entries (n * B, F, H, W) plus features that are the same for all entries (B, F, H, W); then LeakyReLU.

    LeakyReLU is only applied with `activation`.
    """
    alike = len(shared) in (1, len(rows))
    total = rows + shared if alike else by_entry(rows, len(shared)) + rearrange(shared, "b f h w -> b h w f")
    if activation:  # before the rearrange: autograd copies the whole gradient if a view is changed in place
        functional.leaky_relu_(total, SLOPE)
    return total if alike else rearrange(total, "n b h w f -> (n b) f h w")


def join(below: Tensor, skip: Tensor) -> Tensor:
    """Features from the level below, enlarged to twice their size, and those of the skip connection."""
    enlarged = functional.interpolate(below, scale_factor=2, mode="bilinear", align_corners=True)
    return torch.cat([enlarged, skip], dim=1)

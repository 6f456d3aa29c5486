"""The CrossBlock: query and support features learn from each other, and both come out (paper, eq. 2)."""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from universeg.model.cross_conv import REACH, CrossConv, support_mean

SLOPE = 0.01  # of LeakyReLU below zero


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
    """Query (B, Cu, H, W) and support (B * N, Cv, H, W) to F channels each, at the same size.

    The order of the support has no influence on the query, which sees its mean. With `cross_activation`, LeakyReLU
    follows the cross-convolution as in the paper's text; in the network that its authors published it does not. Both
    convolve the mean to get the new query, which eq. 2 leaves out and the published weights have.
    """

    def __init__(self, query_channels: int, support_channels: int, features: int, cross_activation: bool) -> None:
        super().__init__()
        self.cross = CrossConv(query_channels, support_channels, features)
        self.activation = nn.LeakyReLU(SLOPE) if cross_activation else nn.Identity()
        self.target = ActiveConv(features, features)
        self.support = ActiveConv(features, features)

    def forward(self, query: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
        crossed = self.activation(self.cross(query, support))
        return self.target(support_mean(crossed, len(query))), self.support(crossed)

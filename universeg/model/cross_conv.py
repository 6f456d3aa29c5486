"""The CrossConv: a convolution of each pair of query and support features (paper, eq. 1), z_i = Conv(u || v_i).

A convolution is linear, so Conv(u || v) = Conv_u(u) + Conv_v(v). The query's part is the same for all support entries
and is computed once. The concatenated features are never stored.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

REACH = 1  # a 3 x 3 kernel covers one pixel on each side


class CrossConv(nn.Module):
    """Conv(u || v) in two parts, for a query u with Cu channels and support entries v with Cv channels."""

    def __init__(self, query_channels: int, support_channels: int, features: int) -> None:
        super().__init__()
        self.channels = [query_channels, support_channels]
        self.cross_conv = nn.Conv2d(sum(self.channels), features, 2 * REACH + 1, padding=REACH)

    def of_query(self, query: Tensor) -> Tensor:
        """The query's part of z, with the bias: (B, Cu, H, W) -> (B, F, H, W)."""
        return functional.conv2d(query, self.halves[0], self.cross_conv.bias, padding=REACH)

    def of_support(self, rows: Tensor) -> Tensor:
        """The part of z of some support entries: (n * B, Cv, H, W) -> (n * B, F, H, W)."""
        return functional.conv2d(rows, self.halves[1], padding=REACH)

    @property
    def halves(self) -> tuple[Tensor, Tensor]:
        """The weights for query and support channels: (F, Cu, 3, 3) and (F, Cv, 3, 3)."""
        of_query, of_support = torch.split(self.cross_conv.weight, self.channels, dim=1)
        return of_query, of_support

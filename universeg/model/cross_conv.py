"""Every pair of query and support features, convolved (paper, eq. 1): z_i = Conv(u || v_i).

A convolution is linear, so Conv(u || v) = Conv_u(u) + Conv_v(v): the query's half is the same for all entries and is
computed once; nothing is tiled or put together.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

REACH = 1  # a 3 x 3 kernel sees one pixel to each side


class CrossConv(nn.Module):
    """Conv(u || v) in its two halves, for a query u of Cu channels and support entries v of Cv."""

    def __init__(self, query_channels: int, support_channels: int, features: int) -> None:
        super().__init__()
        self.channels = [query_channels, support_channels]
        self.cross_conv = nn.Conv2d(sum(self.channels), features, 2 * REACH + 1, padding=REACH)

    def of_query(self, query: Tensor) -> Tensor:
        """What each pair has of its query: (B, Cu, H, W) -> (B, F, H, W), the bias included."""
        return functional.conv2d(query, self.halves[0], self.cross_conv.bias, padding=REACH)

    def of_support(self, rows: Tensor) -> Tensor:
        """What each pair has of its support entry: (n * B, Cv, H, W) -> (n * B, F, H, W)."""
        return functional.conv2d(rows, self.halves[1], padding=REACH)

    @property
    def halves(self) -> tuple[Tensor, Tensor]:
        """The weights for query and support channels: (F, Cu, 3, 3) and (F, Cv, 3, 3)."""
        of_query, of_support = torch.split(self.cross_conv.weight, self.channels, dim=1)
        return of_query, of_support

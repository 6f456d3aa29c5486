"""Every pair of query and support features, convolved (paper, eq. 1).

Inside the network, the support lies along the batch: entry n of item b is row b * N + n of (B * N, C, H, W), so that
every 2-D operation takes the query and the support alike.
"""

import torch
from einops import rearrange, reduce
from torch import Tensor, nn
from torch.nn import functional

REACH = 1  # a 3 x 3 kernel sees one pixel to each side


def support_mean(support: Tensor, batch: int) -> Tensor:
    """Mean over each item's support: (B * N, C, H, W) -> (B, C, H, W)."""
    # A reduction forgets the order in memory that convolutions want.
    mean = reduce(support, "(b n) c h w -> b c h w", "mean", b=batch)
    return mean.contiguous(memory_format=torch.channels_last)


class CrossConv(nn.Module):
    """Query u (B, Cu, H, W) and support v (B * N, Cv, H, W) to z_i = Conv(u || v_i), (B * N, F, H, W)."""

    def __init__(self, query_channels: int, support_channels: int, features: int) -> None:
        super().__init__()
        self.channels = [query_channels, support_channels]
        self.cross_conv = nn.Conv2d(sum(self.channels), features, 2 * REACH + 1, padding=REACH)

    def forward(self, query: Tensor, support: Tensor) -> Tensor:
        # A convolution is linear, so Conv(u || v) = Conv_u(u) + Conv_v(v): the query's part is the same for all
        # entries and is computed once; nothing is tiled.
        of_query, of_support = torch.split(self.cross_conv.weight, self.channels, dim=1)
        shared = functional.conv2d(query, of_query, self.cross_conv.bias, padding=REACH)
        own = functional.conv2d(support, of_support, padding=REACH)
        crossed = rearrange(own, "(b n) f h w -> b n f h w", b=len(query)) + shared.unsqueeze(1)
        return rearrange(crossed, "b n f h w -> (b n) f h w")

"""UniverSeg: a query image and a labelled support set in, the query's segmentation out (paper, figure 3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from universeg.model.blocks import SLOPE, Conv, CrossBlock
from universeg.model.cross_conv import support_mean
from universeg.rng import seed_for

MOST_STAGES, MOST_WIDTH = 8, 1024  # a weights file may claim any
QUERY, SUPPORT = 1, 2  # channels that go in: an image; an image and its mask

# Bilinear interpolation at half the size reads between four pixels: it is their mean.
DOWN: Mapping[str, Callable[[Tensor], Tensor]] = {
    "max": lambda features: functional.max_pool2d(features, 2),
    "bilinear": lambda features: functional.avg_pool2d(features, 2),
}


@dataclass(frozen=True)
class ModelConfig:
    """The shape of the network; the default is the one whose weights its authors published."""

    widths: tuple[int, ...] = (64, 64, 64, 64)
    """Features of each encoder stage, from full resolution down; the decoder mirrors them."""
    cross_activation: bool = False
    """LeakyReLU after each cross-convolution."""
    downsample: Literal["max", "bilinear"] = "max"
    """How a stage is halved: 2 x 2 maximum, or bilinear."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.widths) <= MOST_STAGES or not 1 <= min(self.widths) <= max(self.widths) <= MOST_WIDTH:
            raise ValueError(
                f"widths must be a number from 1 to {MOST_WIDTH} for each of up to {MOST_STAGES} encoder stages,"
                f" got {self.widths}"
            )
        if self.downsample not in DOWN:
            raise ValueError(f"downsample must be one of {', '.join(DOWN)}, got {self.downsample!r}")

    @property
    def multiple(self) -> int:
        """Height and width of images must be a multiple of this."""
        return int(2 ** (len(self.widths) - 1))


# The network as the text of the paper has it (sections 3.1 and 5.1).
PAPER = ModelConfig(widths=(64,) * 5, cross_activation=True, downsample="bilinear")


class UniverSeg(nn.Module):
    """Segments a query by the example of a support set; call it with images and masks in [0, 1].

    query (B, 1, H, W), support_images and support_masks (B, N, 1, H, W) -> logits (B, 1, H, W); N may be any number
    from 1, H and W any multiples of `config.multiple`. The same `seed` gives the same initial weights.
    """

    def __init__(self, config: ModelConfig | None = None, seed: int = 0) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        skips, last = config.widths[:-1], config.widths[-1]
        self.enc_blocks = nn.ModuleList(
            self._block(*channels) for channels in zip((QUERY, *skips), (SUPPORT, *skips), config.widths, strict=True)
        )
        self.dec_blocks = nn.ModuleList()
        for width in reversed(skips):
            self.dec_blocks.append(self._block(last + width, last + width, width))
            last = width
        self.out_conv = Conv(config.widths[0], 1, reach=0)
        self._initialise(seed)

    def forward(self, query: Tensor, support_images: Tensor, support_masks: Tensor) -> Tensor:
        self._check(query, support_images, support_masks)
        support = torch.cat([support_images, support_masks], dim=2).flatten(0, 1)
        skips = list[tuple[Tensor, Tensor]]()
        for level, block in enumerate(self.enc_blocks):
            if level:
                skips.append((query, support))
                query, support = self._down(query), self._down(support)
            query, support = block(query, support)
        for block, (query_skip, support_skip) in zip(self.dec_blocks, reversed(skips), strict=True):
            if block is self.dec_blocks[-1] and not self.config.cross_activation:
                # Of the last block only the query is used, which sees the mean of the crossed support. All from here
                # to that mean is linear, so the mean may come first: one entry in place of N.
                support, support_skip = (support_mean(v, len(query)) for v in (support, support_skip))
            query = torch.cat([_up(query), query_skip], dim=1)
            support = torch.cat([_up(support), support_skip], dim=1)
            query, support = block(query, support)
        return cast(Tensor, self.out_conv(query))

    def _block(self, query_channels: int, support_channels: int, features: int) -> CrossBlock:
        return CrossBlock(query_channels, support_channels, features, self.config.cross_activation)

    def _down(self, features: Tensor) -> Tensor:
        return DOWN[self.config.downsample](features)

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed_for("weights", seed))
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, a=SLOPE, generator=generator)
                nn.init.zeros_(module.bias)
                # This order in memory is a tenth faster on a CPU, and what tensor cores want.
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def _check(self, query: Tensor, images: Tensor, masks: Tensor) -> None:
        shapes = tuple(query.shape), tuple(images.shape), tuple(masks.shape)
        batch, _, *size = (*shapes[0], 0, 0, 0, 0)[:4]
        whole = (batch, 1, *size) == shapes[0] and (batch, *shapes[1][1:2], 1, *size) == shapes[1] == shapes[2]
        if not whole or query.numel() == 0 or images.numel() == 0:
            raise ValueError(
                "expected query (B, 1, H, W), support_images and support_masks (B, N, 1, H, W) with N of at least 1,"
                f" got {shapes[0]}, {shapes[1]} and {shapes[2]}"
            )
        if any(length % self.config.multiple for length in size):
            raise ValueError(
                f"height and width must be multiples of {self.config.multiple}, got {size[0]} x {size[1]};"
                " pad or resize the images"
            )


def _up(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=True)

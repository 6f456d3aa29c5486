"""The UniverSeg network: it segments a query image with a labelled support set (paper, figure 3)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from universeg.base.rng import seed_for
from universeg.model.blocks import SLOPE, Conv, CrossBlock, Entries, join
from universeg.model.fast import on_gpu
from universeg.model.fast.forward import features as features_in_larger_steps
from universeg.model.shapes import check_shapes
from universeg.model.support_set import Average, Joined, Support, entries_at_once, entry_sum

MOST_STAGES, MOST_WIDTH = 8, 1024  # limits, because a weights file could ask for any size
QUERY, SUPPORT = 1, 2  # input channels: an image; an image and its mask

# Bilinear interpolation to half the size is the mean of four pixels.
DOWN: Mapping[str, Callable[[Tensor], Tensor]] = {
    "max": lambda features: functional.max_pool2d(features, 2),
    "bilinear": lambda features: functional.avg_pool2d(features, 2),
}


@dataclass(frozen=True)
class ModelConfig:
    """The architecture of the network. The default is the one of the published weights."""

    widths: tuple[int, ...] = (64, 64, 64, 64)
    """Features of each encoder stage, from full resolution downwards. The decoder has the same in reverse order."""
    cross_activation: bool = False
    """LeakyReLU after each cross-convolution."""
    downsample: Literal["max", "bilinear"] = "max"
    """How images are halved between encoder stages: max (2 x 2 max-pooling) or bilinear."""

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


# The network that the text of the paper describes (sections 3.1 and 5.1).
PAPER = ModelConfig(widths=(64,) * 5, cross_activation=True, downsample="bilinear")


class UniverSeg(nn.Module):
    """Segments a query image by a labelled support set; call it with images and masks in [0, 1].

    target_image (B, 1, H, W), support_images and support_labels (B, N, 1, H, W) -> logits (B, 1, H, W). N is any number
    from 1; H and W are multiples of `config.multiple`. The argument names are those of the authors' package. The same
    `seed` gives the same initial weights.
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

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        check_shapes(target_image, support_images, support_labels, self.config.multiple)
        inputs = target_image, support_images, support_labels
        if target_image.is_cuda:  # the same result, computed otherwise: fast/__init__.py says why
            larger = self._in_larger_steps if self._has_larger_steps else None
            return on_gpu.logits(self, self._by_equations, larger, max(self.config.widths), inputs)
        return self._by_equations(*inputs)

    def _by_equations(self, query: Tensor, images: Tensor, masks: Tensor) -> Tensor:
        support = Support(*images.shape[:2])
        for rows in self._pairs(query, images, masks):
            support.add(rows)
        *encoder, lowest = cast(list[CrossBlock], list(self.enc_blocks))
        skips = list[tuple[Tensor, Average]]()
        for block in encoder:
            query, skip, support = self._encode(block, query, support)
            skips.append((query, skip))
            query = self._down(query)
        query, support = _through(lowest, query, support)
        for block in cast(list[CrossBlock], list(self.dec_blocks)):
            query_skip, support_skip = skips.pop()
            query, joined = join(query, query_skip), Joined(support, support_skip, join)
            if skips:
                query, support = _through(block, query, joined)
            else:
                query = block.last(query, joined)
        return cast(Tensor, self.out_conv(query))

    @property
    def _has_larger_steps(self) -> bool:
        config = self.config
        return not config.cross_activation and config.downsample == "max" and len(config.widths) > 1

    def _in_larger_steps(self, steps: ModuleType, query: Tensor, images: Tensor, masks: Tensor) -> Tensor:
        encoder, decoder = (cast(list[CrossBlock], list(blocks)) for blocks in (self.enc_blocks, self.dec_blocks))
        pairs = list(self._pairs(query, images, masks))
        return cast(Tensor, self.out_conv(features_in_larger_steps(encoder, decoder, query, pairs, steps)))

    def _pairs(self, query: Tensor, images: Tensor, masks: Tensor) -> Iterator[Tensor]:
        """Images and masks (n * B, 2, H, W), in portions of as many entries as are processed at once."""
        pairs = torch.cat([images, masks], dim=2).transpose(0, 1).flatten(0, 1)
        for rows in torch.split(pairs, len(query) * entries_at_once(query, max(self.config.widths))):
            yield rows.contiguous(memory_format=torch.channels_last)

    def _encode(self, block: CrossBlock, query: Tensor, support: Support) -> tuple[Tensor, Average, Support]:
        """The new query, the new support for the skip connection, and the new support at half the size.

        The skip connection of the first encoder block goes to the last decoder block. Without `cross_activation`, that
        block only needs the mean over the entries. Then no entry is stored at full size, not even for the gradient.
        """
        batch, entries = support.batch, support.entries
        only_mean = block is self.enc_blocks[0] and not self.config.cross_activation
        skip = Average(batch, entries) if only_mean else Support(batch, entries)
        half = Support(batch, entries)

        def both(rows: Tensor) -> tuple[Tensor, Tensor]:
            return entry_sum(rows, batch) if only_mean else rows, self._down(rows)

        query, found = block(query, support, both, recompute=only_mean)
        for features, halved in found:
            skip.add(features)
            half.add(halved)
        return query, skip, half

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
                # Channels last: 10 % faster on a CPU, and needed for the tensor cores of a GPU.
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def _through(block: CrossBlock, query: Tensor, support: Entries) -> tuple[Tensor, Support]:
    """Query and support after a block without a change of size."""
    after = Support(support.batch, support.entries)
    query, found = block(query, support, lambda rows: rows)
    for rows in found:
        after.add(rows)
    return query, after

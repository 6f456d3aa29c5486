"""SE-net: a network that reads the support set gates one that segments (Guha Roy et al., "Squeeze & Excite Guided
Few-Shot Segmentation of Volumetric Images", Medical Image Analysis 2020), with spatial gates everywhere.

The paper has one support image. Here, the gates of all N entries are averaged: the mean does not depend on their order,
and with N = 1 it is the original.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from universeg.model.baselines.base import BaselineConfig, BaselineNetwork, initialise
from universeg.model.baselines.trunks import by_item
from universeg.model.shapes import check_shapes

LEVELS = 4  # times that images are halved
NARROW, WIDE = 16, 64  # features of the network that reads the support set, and of the one that segments


class Block(nn.Module):
    """A 5 x 5 convolution, PReLU and batch normalisation."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, features, 5, padding=2)
        self.prelu, self.batchnorm = nn.PReLU(), nn.BatchNorm2d(features)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.batchnorm(self.prelu(self.conv(features))))


class Arm(nn.Module):
    """One of the two networks: blocks down to a sixteenth of the size and up again, without skip connections.

    Sizes are restored by max-unpooling. With `skip`, the lowest block on the way up also gets the features before the
    last pooling.
    """

    def __init__(self, channels: int, features: int, skip: bool) -> None:
        super().__init__()
        self.skip = skip
        self.down = nn.ModuleList(Block(channels if level == 0 else features, features) for level in range(LEVELS))
        self.lowest = Block(features, features)
        lowest_up = 2 * features if skip else features
        self.up = nn.ModuleList(Block(lowest_up if level == 0 else features, features) for level in range(LEVELS))

    def forward(self, features: Tensor, gates: Sequence[Tensor] = ()) -> list[Tensor]:
        """The features after each of the nine blocks (B, F, h, w); each is multiplied by its gate (B, 1, h, w)."""
        found, places, before = list[Tensor](), list[Tensor](), features

        def add(result: Tensor) -> Tensor:
            found.append(result * gates[len(found)] if gates else result)
            return found[-1]

        for block in self.down:
            before = block(features)
            pooled, place = functional.max_pool2d(before, 2, return_indices=True)
            places.append(place)
            features = add(pooled)
        features = add(self.lowest(features))
        for level, block in enumerate(self.up):
            large = functional.max_unpool2d(features, places.pop(), [2, 2])
            joined = torch.cat([large, before], dim=1) if self.skip and level == 0 else large
            features = add(block(joined))
        return found


class SENet(BaselineNetwork):
    """SE-net: 977,661 parameters.

    The authors' code has 34 more, of a layer that it does not use. Table 1 of the UniverSeg paper has 0.92 M, which is
    the segmenting network alone (925,067).
    """

    name, multiple = "senet", 2**LEVELS

    def __init__(self, config: BaselineConfig | None = None, seed: int = 0) -> None:
        super().__init__(config, seed)
        self.conditioner = Arm(2, NARROW, skip=False)
        self.squeeze = nn.ModuleList(nn.Conv2d(NARROW, 1, 1) for _ in range(2 * LEVELS + 1))
        self.segmenter = Arm(1, WIDE, skip=True)
        self.classifier = nn.Conv2d(WIDE, 2, 1)
        initialise(self, self.name, seed)

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        check_shapes(target_image, support_images, support_labels, self.multiple)
        found = self.classifier(self.segmenter(target_image, self._gates(support_images, support_labels))[-1])
        return cast(Tensor, found[:, 1:] - found[:, :1])  # its sigmoid is the softmax over both scores

    def _gates(self, images: Tensor, masks: Tensor) -> list[Tensor]:
        """The gate of each block (B, 1, h, w), in (0, 1): the mean over the support set (B, N, 1, H, W)."""
        stages = self.conditioner(torch.cat([images, masks], dim=2).flatten(0, 1))
        gates = (squeeze(stage).sigmoid() for squeeze, stage in zip(self.squeeze, stages, strict=True))
        return [by_item(gate, len(images)).mean(1) for gate in gates]

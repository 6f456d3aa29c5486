"""The networks for natural images that PANet and ALPNet take features from: VGG-16 and ResNet-101, dilated.

Tensors have torchvision's names, so that weights trained on ImageNet or COCO fit. torchvision itself is not used: its
wheel on PyPI cannot be imported beside PyTorch for CPUs.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8  # a pixel of the features for each square of this many pixels a side
# Mean and standard deviation of the colours of ImageNet, with which its networks expect their input.
MEAN, STANDARD_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

VGG_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # features and convolutions of each stage
RESNET_STAGES = ((64, 3, 1), (128, 4, 2), (256, 23, 2), (512, 3, 2))  # narrow features, blocks, stride
WIDER = 4  # the output of a block has this many times the narrow features


def as_colour(images: Tensor) -> Tensor:
    """Grey images (B, 1, H, W) in [0, 1] repeated to three channels, standardised as colours of ImageNet."""
    mean, deviation = (images.new_tensor(values)[:, None, None] for values in (MEAN, STANDARD_DEVIATION))
    return (images - mean) / deviation


class Vgg16(nn.Module):
    """The convolutions of VGG-16 as in PANet: (B, 1, H, W) to (B, 512, H / 8, W / 8).

    The last two of five poolings do not reduce the size, the last stage is dilated, and the last ReLU is left out.
    """

    def __init__(self) -> None:
        super().__init__()
        layers, channels = list[nn.Module](), 3
        for number, (features, count) in enumerate(VGG_STAGES):
            reach = 2 if number == len(VGG_STAGES) - 1 else 1
            for _ in range(count):
                layers += [nn.Conv2d(channels, features, 3, padding=reach, dilation=reach), nn.ReLU(inplace=True)]
                channels = features
            layers.append(nn.MaxPool2d(3, stride=2 if number < 3 else 1, padding=1))
        self.features = nn.Sequential(*layers[:-2])

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.features(as_colour(images)))


class Bottleneck(nn.Module):
    """A block of ResNet: 1 x 1, 3 x 3 and 1 x 1 convolution, added to the input."""

    def __init__(self, channels: int, narrow: int, stride: int, dilation: int) -> None:
        super().__init__()
        wide = WIDER * narrow
        self.conv1, self.bn1 = nn.Conv2d(channels, narrow, 1, bias=False), nn.BatchNorm2d(narrow)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(narrow)
        self.conv3, self.bn3 = nn.Conv2d(narrow, wide, 1, bias=False), nn.BatchNorm2d(wide)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != wide:
            self.downsample = nn.Sequential(nn.Conv2d(channels, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))

    def forward(self, features: Tensor) -> Tensor:
        inside = functional.relu(self.bn1(self.conv1(features)))
        inside = functional.relu(self.bn2(self.conv2(inside)))
        around = self.downsample(features) if self.downsample else features
        return functional.relu(self.bn3(self.conv3(inside)) + around)


class ResNet101(nn.Module):
    """ResNet-101 without its classifier, as in torchvision's DeepLabV3: (B, 1, H, W) to (B, 2048, H / 8, W / 8).

    The last two stages are dilated instead of reducing the size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64)
        channels, dilation = 64, 1
        for number, (narrow, count, stride) in enumerate(RESNET_STAGES, 1):
            blocks = list[nn.Module]()
            for place in range(count):
                # As in torchvision: the first block of a dilated stage has the dilation of the stage before.
                first = place == 0
                blocks.append(Bottleneck(channels, narrow, stride if first and number == 2 else 1, dilation))
                channels = WIDER * narrow
                dilation *= stride if first and number > 2 else 1
            self.add_module(f"layer{number}", nn.Sequential(*blocks))

    def forward(self, images: Tensor) -> Tensor:
        features = functional.relu(self.bn1(self.conv1(as_colour(images))))
        features = functional.max_pool2d(features, 3, stride=2, padding=1)
        for number in range(1, len(RESNET_STAGES) + 1):
            features = self.get_submodule(f"layer{number}")(features)
        return features


def trunk_features(trunk: nn.Module, query: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Features of the query (B, C, h, w) and of the support (B, N, C, h, w), computed together.

    Query is (B, 1, H, W), support images are (B, N, 1, H, W).
    """
    features = trunk(torch.cat([query, images.flatten(0, 1)]))
    return features[: len(query)], by_item(features[len(query) :], len(query))


def by_item(rows: Tensor, batch: int) -> Tensor:
    """Rows (B * N, ...) as (B, N, ...)."""
    return rows.view(batch, -1, *rows.shape[1:])

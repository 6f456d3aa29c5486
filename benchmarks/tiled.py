"""The network exactly as the paper describes it: a reference for benchmarks and tests.

It tiles the query features, concatenates them with the features of each support entry, and convolves each pair.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from universeg.model import ModelConfig


class Tiled:
    """Computes the same as `UniverSeg`, from the same configuration, weights and arguments."""

    def __init__(self, config: ModelConfig, weights: Mapping[str, Tensor]) -> None:
        self.config, self.weights = config, weights

    def __call__(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        u, v = target_image, torch.cat([support_images, support_labels], dim=2)
        skips = []
        for level in range(len(self.config.widths)):
            if level:
                skips.append((u, v))
                u, v = self._down(u), self._each(self._down, v)
            u, v = self._block(f"enc_blocks.{level}", u, v)
        for level, (u_skip, v_skip) in enumerate(reversed(skips)):
            u, v = torch.cat([_up(u), u_skip], dim=1), torch.cat([self._each(_up, v), v_skip], dim=2)
            u, v = self._block(f"dec_blocks.{level}", u, v)
        return self._conv("out_conv.conv", u)

    def _block(self, name: str, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Equations 1 and 2 of the paper, with u (B, C, H, W) and v (B, N, C, H, W)."""
        pairs = torch.cat([u.unsqueeze(1).expand(-1, v.shape[1], -1, -1, -1), v], dim=2)
        z = self._each(lambda x: self._conv(f"{name}.cross.cross_conv", x), pairs)
        z = _active(z) if self.config.cross_activation else z
        u = _active(self._conv(f"{name}.target.vmapped.conv", z.mean(1)))
        return u, _active(self._each(lambda x: self._conv(f"{name}.support.vmapped.conv", x), z))

    def _conv(self, name: str, x: Tensor) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        return functional.conv2d(x, weight, self.weights[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def _each(self, function, v: Tensor) -> Tensor:
        return function(v.flatten(0, 1)).unflatten(0, v.shape[:2])

    def _down(self, x: Tensor) -> Tensor:
        if self.config.downsample == "max":
            return functional.max_pool2d(x, 2)
        return functional.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)


def _active(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.01)


def _up(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)

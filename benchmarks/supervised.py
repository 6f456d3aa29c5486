"""The result of training on the dataset itself: a small 2-D U-Net, trained on the support split of one store.

python benchmarks/supervised.py data/stores/MSD-Hippocampus.lmdb
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from kornia.geometry.transform import warp_affine
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from universeg.episodes.dice import dice
from universeg.store import Store
from universeg.training.loss import training_loss

WIDTHS = (24, 48, 64, 64, 64)
PEAK_RATE = 2e-3


class UNet(nn.Module):
    """Images (B, 1, H, W) to logits (B, tasks, H, W)."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(map(_block, (1, *WIDTHS), WIDTHS))
        levels = zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True)
        self.up = nn.ModuleList(_block(low + high, high) for high, low in levels)
        self.out = nn.Conv2d(WIDTHS[0], tasks, 1)

    def forward(self, images: Tensor) -> Tensor:
        """One logit per task and pixel."""
        levels = [self.down[0](images)]
        for block in self.down[1:]:
            levels.append(block(max_pool2d(levels[-1], 2)))
        features = levels.pop()
        for block in self.up:
            features = block(torch.cat([interpolate(features, scale_factor=2.0, mode="bilinear"), levels.pop()], 1))
        logits: Tensor = self.out(features)
        return logits


def main(
    store: Annotated[Path, tyro.conf.Positional],
    size: int = 64,
    steps: int = 800,
    batch: int = 12,
    split: str = "dev",
    seed: int = 0,
) -> None:
    """Train one network on all tasks of STORE at `size` pixels, print the Dice of each on a split.

    In training, images are rotated, scaled, shifted, and changed in brightness and noise. Compare the mean over tasks
    with the result of universeg-evaluate for the dataset.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    data = Store(store)
    images, masks, tasks = _pixels(data, "support", size)
    network = UNet(len(data.tasks))
    optimiser = torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=1e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps)
    for step in range(1, steps + 1):
        chosen = torch.from_numpy(rng.integers(0, len(images), batch))
        image, mask = _augmented(images[chosen], masks[chosen])
        logits = network(image)[torch.arange(batch), tasks[chosen]][:, None]
        loss = training_loss(logits, mask, cross_entropy=1).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    network.eval()
    images, masks, tasks = _pixels(data, split, size)
    with torch.inference_mode():
        predictions = (
            torch.cat([network(part) for part in torch.split(images, 16)])[torch.arange(len(images)), tasks] > 0
        )
    dices = [dice(a, m) for a, m in zip(predictions.numpy(), masks[:, 0].numpy() > 0, strict=True)]
    means = list[float]()
    for number, task in enumerate(data.tasks):
        if found := [value for value, of in zip(dices, tasks, strict=True) if of == number]:
            means.append(float(np.mean(found)))
            print(f"{task}: {means[-1]:.1f} ({len(found)} queries)")
    print(f"mean over tasks: {np.mean(means):.1f}")


def _block(inputs: int, outputs: int) -> nn.Module:
    layers = list[nn.Module]()
    for width in (inputs, outputs):
        layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU()]
    return nn.Sequential(*layers)


def _pixels(store: Store, split: str, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images and masks (n, 1, H, W) of the middle slices of all tasks, and the number of the task of each."""
    images, masks, tasks = list[Tensor](), list[Tensor](), list[int]()
    for number, task in enumerate(store.tasks):
        pixels = store.read(task, store.subjects(task, split))
        image, mask = (torch.from_numpy(part)[:, None].float() for part in pixels)
        every = image.shape[-1] // size
        images.append(avg_pool2d(image / 255, every))
        masks.append((avg_pool2d(mask, every) >= 0.5).float())
        tasks += [number] * len(image)
    return torch.cat(images), torch.cat(masks), torch.tensor(tasks)


def _augmented(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    count, side = len(images), images.shape[-1]
    linear = torch.eye(2) + 0.08 * torch.randn(count, 2, 2)
    middle = torch.full((2, 1), (side - 1) / 2)
    affine = torch.cat([linear, middle - linear @ middle + 0.03 * side * torch.randn(count, 2, 1)], 2)
    images, masks = (warp_affine(part, affine, (side, side)) for part in (images, masks))
    gain, offset = 1 + 0.2 * torch.randn(count, 1, 1, 1), 0.05 * torch.randn(count, 1, 1, 1)
    return images * gain + offset + 0.03 * torch.randn_like(images), masks


if __name__ == "__main__":
    tyro.cli(main)

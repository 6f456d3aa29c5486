"""The result of training on the dataset itself: a small 2-D U-Net, trained on the support split of one store.

python benchmarks/supervised.py data/stores/MSD-Hippocampus.lmdb
python benchmarks/supervised.py data/stores/BUS-BRA.lmdb --examples 12 --size 128 --steps 100000 --minutes 4
"""

from collections.abc import Mapping, Sequence
from math import cos, inf, pi
from pathlib import Path
from time import process_time
from typing import Annotated, Literal

import numpy as np
import torch
import tyro
from kornia.geometry.transform import warp_affine
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from universeg.episodes.dice import dice
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.protocol import evaluation_set, support_pool
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
    tasks: str = "*",
    examples: int = 0,
    queries: int = 0,
    size: int = 64,
    steps: int = 800,
    minutes: float = 0,
    batch: int = 12,
    split: Literal["dev", "test"] = "dev",
    seed: int = 0,
) -> None:
    """Train one network on tasks of STORE at `size` pixels, print the Dice of each on a split.

    In training, images are rotated, scaled, shifted, and changed in brightness and noise. Compare the mean over tasks
    with the result of universeg-evaluate for the dataset; `tasks`, `examples` and `queries` mean the same as there.
    `minutes` of processor time end the training early, with the learning rate at zero; 0 is no limit.
    """
    stores = TaskStores([store])
    chosen = evaluation_set(stores, list(stores.by_dataset), [tasks], split, queries).queries
    found = supervised_dice(stores, chosen, examples, size, steps, 60 * minutes or inf, batch, seed)
    for task, dices in found.items():
        print(f"{task}: {np.mean(dices):.1f} ({len(dices)} queries)")
    print(f"mean over tasks: {np.mean([np.mean(dices) for dices in found.values()]):.1f}")


def supervised_dice(
    stores: TaskStores,
    queries: Mapping[str, Sequence[str]],
    examples: int,
    size: int,
    steps: int = 100_000,
    seconds: float = inf,
    batch: int = 12,
    seed: int = 0,
) -> dict[str, list[float]]:
    """The Dice of each query of each task, by one network that is trained on the examples of these tasks."""
    torch.manual_seed(seed)
    pools = {task: support_pool(stores.of(task), task, examples, seed) for task in queries}
    network = _trained(stores, pools, size, steps, seconds, batch, np.random.default_rng(seed))
    images, masks, numbers = _pixels(stores, queries, size)
    with torch.inference_mode():
        predictions = (
            torch.cat([network(part) for part in torch.split(images, 16)])[torch.arange(len(images)), numbers] > 0
        )
    dices = [dice(a, m) for a, m in zip(predictions.numpy(), masks[:, 0].numpy() > 0, strict=True)]
    return {
        task: [value for value, of in zip(dices, numbers, strict=True) if of == number]
        for number, task in enumerate(queries)
    }


def _trained(
    stores: TaskStores,
    names: Mapping[str, Sequence[str]],
    size: int,
    steps: int,
    seconds: float,
    batch: int,
    rng: np.random.Generator,
) -> UNet:
    """A network with one output per task, trained on these subjects."""
    images, masks, tasks = _pixels(stores, names, size)
    network = UNet(len(names))
    optimiser = torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=1e-3)
    began, share, step = process_time(), 0.0, 0
    while share < 1:
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * _one_cycle(share)
        chosen = torch.from_numpy(rng.integers(0, len(images), batch))
        image, mask = _augmented(images[chosen], masks[chosen])
        logits = network(image)[torch.arange(batch), tasks[chosen]][:, None]
        loss = training_loss(logits, mask, cross_entropy=1).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        step += 1
        share = max(step / steps, (process_time() - began) / seconds)
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)
    print(f"{step} steps in {(process_time() - began) / 60:.1f} minutes of processor time")
    return network.eval()


def _one_cycle(share: float) -> float:
    """The learning rate, as a part of its peak: up to the peak at 0.3 of the training, then down to zero."""
    return (1 - cos(pi * share / 0.3)) / 2 + 0.01 if share < 0.3 else (1 + cos(pi * (share - 0.3) / 0.7)) / 2


def _block(inputs: int, outputs: int) -> nn.Module:
    layers = list[nn.Module]()
    for width in (inputs, outputs):
        layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU()]
    return nn.Sequential(*layers)


def _pixels(stores: TaskStores, names: Mapping[str, Sequence[str]], size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images and masks (n, 1, H, W) of the middle slices of some subjects of each task, and the number of the task."""
    images, masks, tasks = list[Tensor](), list[Tensor](), list[int]()
    for number, (task, subjects) in enumerate(names.items()):
        pixels = stores.of(task).read(task, subjects)
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

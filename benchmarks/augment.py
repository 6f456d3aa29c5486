"""The time of augmentation as a part of a training step: `python benchmarks/augment.py --support-size 16`."""

import time
from collections.abc import Callable
from statistics import fmean, median

import torch
import tyro
from torch.optim import Adam

from universeg.base.rng import rng_for, seed_for
from universeg.model import UniverSeg
from universeg.training.augment import Augmentation, AugmentConfig
from universeg.training.loss import soft_dice_loss

DEFAULT = AugmentConfig()


def main(
    support_size: int = 16,
    size: int = 128,
    rounds: int = 5,
    draws: int = 40,
    threads: int = 1,
    augment: AugmentConfig = DEFAULT,
) -> None:
    """Print the CPU time of a training step of the default network at batch size 1, and of its augmentation.

    The time of augmentation is the mean over `draws` draws. CPU time depends less on other programs than wall time.
    Each round measures both.
    """
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(seed_for("benchmark"))
    images = torch.rand(1, support_size + 1, 1, size, size, generator=generator)
    masks = torch.zeros_like(images)
    masks[..., size // 3 : size // 2, size // 3 : size // 2] = 1
    model = UniverSeg()
    optimiser = Adam(model.parameters())
    augmentation = Augmentation(augment.rows)

    def step() -> None:
        logits = model(images[:, 0], images[:, 1:], masks[:, 1:])
        optimiser.zero_grad(set_to_none=True)
        soft_dice_loss(logits, masks[:, 0]).mean().backward()
        optimiser.step()

    steps, changes = list[float](), list[float]()
    for number in range(rounds + 1):
        steps.append(_seconds(step))
        for draw in range(draws // rounds):
            rng = rng_for("benchmark", number, draw)
            changes.append(_seconds(lambda rng=rng: augmentation(images, masks, [rng])))
    step_ms, augment_ms = 1000 * median(steps[1:]), 1000 * fmean(changes[draws // rounds :])
    print(
        f"N = {support_size}, {size} x {size}, {threads} threads, {augment.preset}: step {step_ms:.0f} ms of CPU time"
    )
    print(f"augmentation {augment_ms:.1f} ms, {100 * augment_ms / step_ms:.1f} % of the step")


def _seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    tyro.cli(main)

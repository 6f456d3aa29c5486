"""A picture of every augmentation: `python -m universeg.training.augment --out docs/explanation/augmentation.png`."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image
from torch import Tensor

from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Panel, outlined, sheet
from universeg.base.rng import rng_for
from universeg.synth import make_task
from universeg.training.augment import ROWS, Augmentation, AugmentConfig

SIDE = 128  # of images and of panels, in pixels
ENTRIES = 3
MASK = np.array([40, 225], np.uint8)  # grey levels of background and foreground, both distinct from the white page
SHADES = 96  # colours of the file: enough for grey levels and outlines


def main(out: Path = Path("docs/explanation/augmentation.png"), task: int = 14, seed: int = 0) -> None:
    """Write a sheet of a synthetic task: unchanged, after each row of Table 4 alone, and after all with their p."""
    images, masks = _episode(task)
    columns = ["unchanged:\nquery", "its mask", "support image", "its mask", "support image", "its mask"]
    rows = [[replace(panel, caption=name) for panel, name in zip(_panels(images, masks), columns, strict=True)]]
    for name, augmentation in _each():
        changed = augmentation(images, masks, [rng_for("augment", seed, name)])
        first, *others = _panels(*changed)
        rows.append([replace(first, caption=name.replace("/", "\n")), *others])
    title = "Augmentations of one task"
    picture = sheet(rows, title).quantize(SHADES, dither=Image.Dither.NONE)
    with atomic_write(out) as part:
        picture.save(part, "PNG", optimize=True)


def _each() -> Iterator[tuple[str, Augmentation]]:
    for row in ROWS:
        yield row.name, Augmentation([replace(row, p=1.0)])
    for step in range(1, 4):
        yield f"paper\nstep {step}", Augmentation(AugmentConfig().rows)


def _episode(task: int) -> tuple[Tensor, Tensor]:
    """Images and masks (1, ENTRIES, 1, SIDE, SIDE) of the largest label of a synthetic task."""
    made = make_task(0, task, ENTRIES, SIDE)
    largest = max(made.labels.values(), key=lambda pixels: float(pixels.mean()))
    images, masks = torch.from_numpy(made.images).float() / 255, torch.from_numpy(largest >= 128).float()
    return images[None, :, None], masks[None, :, None]


def _panels(images: Tensor, masks: Tensor) -> list[Panel]:
    """An outlined image and a mask for each entry."""
    panels = list[Panel]()
    for image, mask in zip(images[0, :, 0].numpy(), masks[0, :, 0].numpy() > 0, strict=True):
        grey = (image * 255).round().astype(np.uint8)
        panels += [Panel(outlined(grey, {"mask": mask}, SIDE)), Panel(Image.fromarray(MASK[mask.astype(int)]))]
    return panels


if __name__ == "__main__":
    tyro.cli(main)

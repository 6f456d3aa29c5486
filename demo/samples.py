"""Make the sample images in examples/: `python -m demo.samples`. They are synthetic, so they can be used freely."""

from pathlib import Path

import tyro
from PIL import Image

from universeg.synth import fresh_episode

SEED, NUMBER, FAMILY, SIDE = 7, 9, "nested", 256  # a synthetic task: a ring among similar shapes
LABELLED, NEW = 8, 5


def main(out: Path = Path("examples")) -> None:
    """Write images with their masks, and new images without masks.

    Args:
        out: The folder. The images are in labelled/images, labelled/masks and new.
    """
    images, masks, _ = fresh_episode(SEED, NUMBER, LABELLED + NEW, SIDE, FAMILY)
    for folder in ("labelled/images", "labelled/masks", "new"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for number, (image, mask) in enumerate(zip(images, masks, strict=True), 1):
        name = f"sample{number:02d}.png"
        if number <= LABELLED:
            Image.fromarray(image).save(out / "labelled" / "images" / name, optimize=True)
            Image.fromarray(mask * 255).save(out / "labelled" / "masks" / name, optimize=True)
        else:
            Image.fromarray(image).save(out / "new" / name, optimize=True)


if __name__ == "__main__":
    tyro.cli(main)

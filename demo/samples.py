"""Make the sample images in examples/: `python -m demo.samples`. They are synthetic, so anybody may use them."""

from pathlib import Path

import tyro
from PIL import Image

from universeg.synth import fresh_episode

SEED, NUMBER, FAMILY, SIDE = 7, 9, "nested", 256  # one synthetic task: a ring among look-alikes
LABELLED, NEW = 8, 5


def main(out: Path = Path("examples")) -> None:
    """Write LABELLED images with their masks, and NEW images without.

    Args:
        out: The folder; labelled/images, labelled/masks and new go below it.
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

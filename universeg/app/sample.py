"""The sample task that the page shows first: computer-made pictures, of which some are labelled."""

from pathlib import Path

import numpy as np
from PIL import Image

from universeg.base.atomic_write import write_json
from universeg.prediction.labels import colour
from universeg.synth import fresh_episode

SEED, NUMBER, FAMILY, SIDE = 7, 9, "projection", 256  # a synthetic task that looks like an X-ray of two lungs
LABELLED, IMAGES = 4, 10
NAME = "lung"


def write_sample(folder: Path) -> None:
    """Write ten pictures, and masks of the first four, into `folder`; the same ones every time."""
    images, masks, _ = fresh_episode(SEED, NUMBER, IMAGES, SIDE, FAMILY)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, (image, mask) in enumerate(zip(images, masks, strict=True), 1):
        Image.fromarray(image).save(folder / "images" / f"sample{number:02d}.png")
        if number <= LABELLED:
            Image.fromarray(np.asarray(mask * np.uint8(255))).save(folder / "masks" / f"sample{number:02d}.png")
    write_json(folder / "labels.json", {"labels": [{"value": 1, "name": NAME, "colour": list(colour(0))}]})

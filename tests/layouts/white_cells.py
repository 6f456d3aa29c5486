"""What both WBC datasets share: one folder of colour pictures with a label of the same name beside each."""

import numpy as np

from layouts.expected import Case, fake_picture, label_map
from layouts.writers import colour_channels, raster, text

VALUES = {"cytoplasm": 128, "nucleus": 255}


def cells(root, folder: str, group: str, shapes, stray: int = 0) -> list[Case]:
    """Cases of one folder; `stray` is a value in the last label that means nothing."""
    cases = []
    for number, shape in enumerate(shapes, 1):
        image, masks = fake_picture(f"{group} {number}", list(VALUES), shape)
        labels = label_map(masks, VALUES)
        if number == len(shapes):
            labels[np.unravel_index(np.flatnonzero(labels == 0)[-1], shape)] = stray
        raster(root / folder / f"{number:03d}.bmp", colour_channels(image))
        raster(root / folder / f"{number:03d}.png", labels)
        cases.append(Case(group, f"{number:03d}", "microscopy", image, masks, "unit"))
    raster(root / f"{folder}.png", colour_channels(image))  # a collage, no label
    text(root / f"Class Labels of {folder}.csv", "image ID, class label\n1,1\n")
    return cases

"""What both WBC datasets share: a folder of colour pictures, each with a label file of the same name."""

import numpy as np

from layouts.expected import Case, fake_picture, label_map
from layouts.writers import colour_channels, raster, text

VALUES = {"cytoplasm": 128, "nucleus": 255}


def cells(root, folder: str, group: str, shapes, stray: int = 0) -> list[Case]:
    """The cases of one folder; `stray` is a meaningless value in the last label."""
    cases = []
    for number, shape in enumerate(shapes, 1):
        image, masks = fake_picture(f"{group} {number}", list(VALUES), shape)
        labels = label_map(masks, VALUES)
        if number == len(shapes):
            labels[np.unravel_index(np.flatnonzero(labels == 0)[-1], shape)] = stray
        raster(root / folder / f"{number:03d}.bmp", colour_channels(image))
        raster(root / folder / f"{number:03d}.png", labels)
        cases.append(Case(group, f"{number:03d}", "microscopy", image, masks, "unit"))
    raster(root / f"{folder}.png", colour_channels(image))  # a preview, not a label
    text(root / f"Class Labels of {folder}.csv", "image ID, class label\n1,1\n")
    return cases

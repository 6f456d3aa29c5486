"""STARE: three tars of gzipped PPM at the top level, labels of two observers; those of VK are used."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import colour_channels, raster, text


def write(root):
    cases = []
    for number in (1, 44, 324):
        name = f"im{number:04d}"
        image, masks = fake_picture(number, ["retinal vessel"])
        label = masks["retinal vessel"].astype(np.uint8) * 255
        raster(root / f"{name}.ppm.gz", colour_channels(image))
        # One file is grey, the others are in colour; the other observer marked other vessels.
        raster(root / f"{name}.vk.ppm.gz", label if number == 1 else colour_channels(label))
        raster(root / f"{name}.ah.ppm.gz", colour_channels(255 - label))
        cases.append(Case("STARE", name, "retinal", image, masks, "unit"))
    text(root / "README.txt")
    return Layout(cases)

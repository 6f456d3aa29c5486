"""STARE: three tars of gzipped PPM at the top level, labels of two people; VK's are the ones to use."""

import numpy as np

from layouts.expected import Case, Layout, flat
from layouts.writers import coloured, raster, text


def write(root):
    cases = []
    for number in (1, 44, 324):
        name = f"im{number:04d}"
        image, masks = flat(number, ["retinal vessel"])
        label = masks["retinal vessel"].astype(np.uint8) * 255
        raster(root / f"{name}.ppm.gz", coloured(image))
        # One as grey within, the others in colour; the other person saw other vessels.
        raster(root / f"{name}.vk.ppm.gz", label if number == 1 else coloured(label))
        raster(root / f"{name}.ah.ppm.gz", coloured(255 - label))
        cases.append(Case("STARE", name, "retinal", image, masks, "unit"))
    text(root / "README.txt")
    return Layout(cases)

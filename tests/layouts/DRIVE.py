"""DRIVE: colour TIFF, label GIFs with and without a palette; older copies also have labels of the test images."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import colour_channels, palette, raster

BLACK_WHITE = [(0, 0, 0), (255, 255, 255)]


def write(root):
    cases = []
    for number in (21, 29, 30, 40):
        image, masks = fake_picture(f"DRIVE {number}", ["retinal vessel"])
        training = root / "DRIVE" / "training"
        raster(training / "images" / f"{number}_training.tif", colour_channels(image))
        inside, label = masks["retinal vessel"], training / "1st_manual" / f"{number}_manual1.gif"
        if number == 21:
            palette(label, inside, BLACK_WHITE)
        else:
            raster(label, inside.astype(np.uint8) * 255)
        raster(training / "mask" / f"{number}_training_mask.gif", np.full_like(image, 255))
        cases.append(Case("DRIVE", str(number), "retinal", image, masks, "unit"))
    for number in ("01", "20"):
        test = root / "DRIVE" / "test"
        raster(test / "images" / f"{number}_test.tif", colour_channels(image))
        raster(test / "mask" / f"{number}_test_mask.gif", np.full_like(image, 255))
        raster(test / "1st_manual" / f"{number}_manual1.gif", np.full_like(image, 255))
        raster(test / "2nd_manual" / f"{number}_manual2.gif", np.full_like(image, 255))
    return Layout(cases)

"""BUS: numbers with gaps; PNG in grey, colour or palette; masks with values besides 0 and 255; BUSI beside."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import colour_channels, palette, raster, text


def write(root):
    top, cases = root / "Breast_BUS_B_2024" / "BUS", []
    for number, shape in ((1, (24, 30)), (2, (20, 26)), (64, (30, 24)), (163, (24, 24))):
        name = f"{number:06d}"
        image, masks = fake_picture(f"BUS {number}", ["breast lesion"], shape)
        inside = masks["breast lesion"]
        picture, label = top / "original" / f"{name}.png", top / "GT" / f"{name}.png"
        grey = np.where(inside, 255, 0).astype(np.uint8)
        grey[0, 0] = 3
        if number == 1:
            raster(picture, colour_channels(image, opacity=True))
            raster(label, colour_channels(grey, opacity=True))
        elif number == 2:
            palette(picture, image, [(n, n, n) for n in range(256)])
            palette(label, inside, [(0, 0, 0), (255, 255, 255)])
        else:
            raster(picture, image)
            raster(label, inside if number == 64 else grey * 2)
        cases.append(Case("BUS", name, "ultrasound", image, masks, "unit"))
    raster(top / "original" / "benign (1).png", colour_channels(image))
    raster(top / "original" / "benign (1)_mask.png", inside)
    text(top / "DatasetB.xlsx")
    return Layout(cases)

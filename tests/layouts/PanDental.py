"""Panoramic X-rays: teeth with opacity and values between 0 and 255; mandibles are the X-ray with the rest removed."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture, without
from layouts.writers import colour_channels, raster


def write(root):
    cases, reported = [], {}
    for number, shape in ((1, (20, 50)), (2, (22, 50)), (5, (20, 48)), (10, (20, 50)), (19, (20, 50)), (116, (24, 40))):
        name = str(number)
        image, masks = fake_picture(f"PanDental {number}", ["mandible", "teeth"], shape)
        mandible, teeth = ({label: masks[label]} for label in masks)
        if number == 5:
            teeth = without(teeth, "teeth")
        raster(root / "Images" / f"{name}.png", colour_channels(image) if number == 2 else image)
        grey = teeth["teeth"].astype(np.uint8) * 255
        inside = np.argwhere(teeth["teeth"])
        for place, value in zip(inside[:2], (85, 170), strict=False):
            grey[tuple(place)] = value
        raster(root / "Original_Masks" / f"{name}.png", colour_channels(grey, opacity=True))
        raster(root / "Segmentation1" / f"{name}.png", np.where(mandible["mandible"], image, 0).astype(np.uint8))
        raster(root / "Segmentation2" / f"{name}.png", np.where(teeth["teeth"], image, 0).astype(np.uint8))
        cases.append(Case("v1", name, "X-ray", image, teeth, "unit"))
        if number in (19, 116):
            reported["v2", name] = "original builder"
        else:
            cases.append(Case("v2", name, "X-ray", image, mandible, "unit"))
    return Layout(cases, reported)

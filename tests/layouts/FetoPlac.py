"""Fetoscopy: video frames with colour masks, one of them empty, and clips that have only predictions."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture, without
from layouts.writers import colour_channels, raster


def write(root):
    top, cases = root / "Fetoscopy Placenta Dataset", []
    for video, frames, side in ((1, (2785, 2786), 24), (6, (1, 100), 30)):
        folder = top / "Vessel_segmentation_annotations" / f"video{video:02d}"
        for number in frames:
            name = f"anon{video:03d}_{number:05d}"
            image, masks = fake_picture(name, ["placental vessel"], (side, side))
            masks = without(masks, "placental vessel") if number == 100 else masks
            raster(folder / "images" / f"{name}.png", colour_channels(image))
            red = masks["placental vessel"].astype(np.uint8) * 255
            mask = np.dstack([red, np.zeros_like(red), np.zeros_like(red), np.full_like(red, 255)])
            raster(folder / "masks_gt" / f"{name}_mask.png", mask if number == 1 else colour_channels(red))
            cases.append(Case("FetoPlac", f"video{video:02d}@{name}", "fetoscopy", image, masks, "unit"))
    clip = top / "Vessel_registration_unannotated_clips" / "video01"
    raster(clip / "images" / "anon001_00851.png", colour_channels(image))
    raster(clip / "masks_predicted" / "anon001_00851.png", colour_channels(image))
    return Layout(cases)

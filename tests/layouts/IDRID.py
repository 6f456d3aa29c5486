"""IDRiD part A: JPEG, a folder of TIFFs per lesion, red as palette or colour; lesions overlap or are absent."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture, without
from layouts.writers import colour_channels, palette, raster

LESIONS = {
    "microaneurysms": ("1. Microaneurysms", "MA"),
    "haemorrhages": ("2. Haemorrhages", "HE"),
    "hard exudates": ("3. Hard Exudates", "EX"),
    "soft exudates": ("4. Soft Exudates", "SE"),
    "optic disc": ("5. Optic Disc", "OD"),
}
RED = [(0, 0, 0), (255, 0, 0)]


def write(root):
    top = root / "A.%20Segmentation" / "A. Segmentation"
    images, labels = top / "1. Original Images", top / "2. All Segmentation Groundtruths"
    cases = []
    for number, lacks in ((1, ["soft exudates"]), (3, []), (54, ["haemorrhages", "soft exudates"])):
        name = f"IDRiD_{number:02d}"
        image, masks = fake_picture(name, list(LESIONS), (48, 60))
        masks["hard exudates"] = masks["hard exudates"] | masks["microaneurysms"]
        masks = without(masks, *lacks)
        raster(images / "a. Training Set" / f"{name}.jpg", colour_channels(image), quality=95)
        for lesion in (lesion for lesion in LESIONS if lesion not in lacks):
            folder, suffix = LESIONS[lesion]
            label = labels / "a. Training Set" / folder / f"{name}_{suffix}.tif"
            if number == 3:
                raster(label, np.dstack([masks[lesion].astype(np.uint8) * 255, *[np.zeros_like(image)] * 2]))
            else:
                palette(label, masks[lesion], RED)
        cases.append(Case("IDRID", name, "retinal", image, masks, "unit", lossy=True))
    raster(images / "b. Testing Set" / "IDRiD_55.jpg", colour_channels(image))
    palette(labels / "b. Testing Set" / "1. Microaneurysms" / "IDRiD_55_MA.tif", masks["microaneurysms"], RED)
    other = root / "B. Disease Grading" / "1. Original Images"
    raster(other / "a. Training Set" / "IDRiD_001.jpg", colour_channels(image))
    return Layout(cases)

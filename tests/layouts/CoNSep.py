"""CoNSeP: PNG with opacity, floating-point MATLAB maps, classes that some tiles lack, overlay pictures."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture, label_map, without
from layouts.writers import colour_channels, matlab, raster, text

CLASSES = (
    "other",
    "inflammatory",
    "healthy epithelial",
    "dysplastic or malignant epithelial",
    "fibroblast",
    "muscle",
    "endothelial",
)
VALUES = {name: value for value, name in enumerate(CLASSES, 1)}


def write(root):
    top, cases = root / "CoNSeP", []
    for number, dtype, lacks in ((1, float, []), (2, np.uint8, ["muscle", "other"]), (27, float, ["endothelial"])):
        name = f"train_{number}"
        image, masks = fake_picture(name, CLASSES, (48, 48))
        masks = without(masks, *lacks)
        types = label_map(masks, VALUES)
        _tile(top / "Train", name, image, types.astype(dtype))
        cases.append(Case("CoNSep", name, "microscopy", image, masks, "unit"))
    _tile(top / "Test", "test_1", image, types)
    text(top / "README.txt")
    return Layout(cases)


def _tile(folder, name, image, types):
    raster(folder / "Images" / f"{name}.png", colour_channels(image, opacity=True))
    raster(folder / "Overlay" / f"{name}.png", colour_channels(255 - image))
    nuclei = np.flatnonzero(np.unique(types))
    numbers = np.where(types > 0, np.arange(types.size).reshape(types.shape), 0).astype(float)
    centres = np.ones((len(nuclei), 2))
    matlab(
        folder / "Labels" / f"{name}.mat",
        inst_map=numbers,
        type_map=types,
        inst_type=np.ones((len(nuclei), 1)),
        inst_centroid=centres,
    )

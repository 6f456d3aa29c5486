"""ROSE: the same numbers in train and test, TIFF and PNG, grey labels; one angiogram lacks its label."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import raster

LABEL = "retinal vessel"


def write(root):
    top, cases = root / "ROSE", []
    for plexus, kind in (("SVC", "tif"), ("DVC", "tif"), ("SVC_DVC", "png")):
        for part, number in (("train", "01"), ("train", "30"), ("test", "01")):
            image, masks = fake_picture(f"{plexus} {part} {number}", [LABEL])
            _pair(top / "ROSE-1" / plexus / part, "img", number, image, masks, (kind, "tif"))
            cases.append(Case(f"ROSE-1-{plexus}", f"ROSE-1-{part}-{number}", "OCTA", image, masks, "unit"))
        if plexus == "SVC":
            for folder in ("thick_gt", "thin_gt"):
                raster(top / "ROSE-1" / plexus / "train" / folder / "01.tif", np.full_like(image, 255))
    for part, number, eye in (
        ("train", 1, "OD_SVP"),
        ("train", 1, "OS_SVP"),
        ("test", 1, "OD_SVP"),
        ("test", 9, "OD_SVP"),
    ):
        image, masks = fake_picture(f"{part} {number} {eye}", [LABEL], (28, 28))
        _pair(top / "ROSE-2" / part, "original", f"{number}_{eye}", image, masks, ("png", "png"))
        cases.append(Case("ROSE-2", f"ROSE-2-{part}-{number}@{eye}", "OCTA", image, masks, "unit"))
    raster(top / "ROSE-1" / "DVC" / "test" / "img" / "09.tif", image)
    return Layout(cases, {("ROSE-1-DVC", "ROSE-1-test-09"): "no label file"})


def _pair(folder, images, name, image, masks, kinds):
    raster(folder / images / f"{name}.{kinds[0]}", image)
    label = np.where(masks[LABEL], 200, 0).astype(np.uint8)
    label[0, :4] = (1, 60, 100, 127)  # greys at the border of a vessel
    raster(folder / "gt" / f"{name}.{kinds[1]}", label)

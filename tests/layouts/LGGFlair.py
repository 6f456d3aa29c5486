"""LGG: a folder per patient, colour TIFF slices with numbers without zeros, FLAIR in green; the zip repeats all."""

import shutil

import numpy as np

from layouts.expected import Case, Layout, fake_volume
from layouts.writers import raster, slices, text


def write(root):
    top, cases = root / "kaggle_3m", []
    for name, shape in (("TCGA_CS_4941_19960909", (24, 24, 12)), ("TCGA_HT_A61B_19991127", (24, 24, 11))):
        image, masks = fake_volume(name, ["FLAIR abnormality"], shape, high=255)
        image = image.astype(np.uint8)
        before, after = 255 - image, np.roll(image, 5, axis=0)
        if name.startswith("TCGA_HT"):  # not included
            after = image
        layers = (slices(volume, "LPS") for volume in (before, image, after, masks["FLAIR abnormality"]))
        for number, (*colours, mask) in enumerate(zip(*layers, strict=True), 1):
            raster(top / name / f"{name}_{number}.tif", np.dstack(colours))
            raster(top / name / f"{name}_{number}_mask.tif", mask.astype(np.uint8) * 255)
        cases.append(Case("LGGFlair", name, "FLAIR", image, masks, "unit", (1, 1, 2.9), axes=(2,)))
    text(top / "README.md")
    text(top / "data.csv", "Patient\n")
    shutil.copytree(top, root / "lgg-mri-segmentation" / "kaggle_3m")
    return Layout(cases)

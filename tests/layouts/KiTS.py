"""KiTS: slices along the first axis and downwards, labels of two data types, float64 images, unlabelled test cases."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti, text

VALUES = {"kidney": 1, "tumor": 2}
SPACING = (0.8, 0.8, 3.0)


def write(root):
    data = root / "kits19" / "data"
    cases = []
    for number in (0, 15, 160, 209):
        name = f"case_{number:05d}"
        image, masks = fake_volume(
            name, list(VALUES), (14, 12, 9) if number == 160 else (12, 12, 10), low=-1000, high=1500
        )
        nifti(data / name / "imaging.nii.gz", image.astype(np.float64), SPACING, "IPL")
        labels = label_map(masks, VALUES, np.uint16 if number == 15 else np.uint8)
        nifti(data / name / "segmentation.nii.gz", labels, SPACING, "IPL")
        cases.append(Case("KiTS19", name, "CT", image, masks, "ct", SPACING))
    nifti(data / "case_00210" / "imaging.nii.gz", image.astype(np.float64), SPACING, "IPL")
    text(data / "kits.json", "[]")
    text(data / "LICENSE")
    return Layout(cases)

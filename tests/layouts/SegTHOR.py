"""SegTHOR: every label file is called GT, in the owners' folder or a copy of it; test scans; a wrong second label."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti

VALUES = {"esophagus": 1, "heart": 2, "trachea": 3, "aorta": 4}
SPACING = (0.98, 0.98, 2.5)


def write(root):
    cases = []
    for folder, number in (("train", 1), ("train", 19), ("SegTHOR", 30), ("SegTHOR", 40)):
        name = f"Patient_{number:02d}"
        image, masks = fake_volume(name, list(VALUES), low=-1200, high=1500)
        nifti(root / folder / name / f"{name}.nii.gz", image, SPACING, "LPS")
        nifti(root / folder / name / "GT.nii.gz", label_map(masks, VALUES), SPACING, "LPS")
        cases.append(Case("retreived_2022_03_02", name, "CT", image, masks, "ct", SPACING))
    nifti(root / "train" / "Patient_19" / "GT2.nii.gz", np.ones_like(image), SPACING, "LPS")
    nifti(root / "test" / "Patient_41.nii.gz", image, SPACING, "LPS")
    nifti(root / "test" / "Patient_60" / "Patient_60.nii.gz", image, SPACING, "LPS")
    return Layout(cases)

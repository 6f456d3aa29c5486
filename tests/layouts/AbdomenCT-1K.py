"""AbdomenCT-1K: two folder layouts, one nested deeper; Subtask 2 has other scans under the same numbers."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map, without
from layouts.writers import nifti, stored_as

VALUES = {"liver": 1, "kidney": 2, "spleen": 3, "pancreas": 4}
SPACING = (0.8, 0.8, 2.5)


def write(root):
    cases = []
    for folders, name in (
        (("Subtask1/TrainImage", "Subtask1/TrainMask"), "train_0002"),
        (("Subtask1/TrainImage", "Subtask1/TrainMask"), "train_0420"),
        (("FLARE21/TrainingImg/TrainingImg", "FLARE21/TrainingMask"), "train_000"),
        (("FLARE21/TrainingImg/TrainingImg", "FLARE21/TrainingMask"), "train_360"),
    ):
        image, masks = fake_volume(name, list(VALUES), low=-1000, high=900)
        masks = without(masks, "spleen") if name == "train_360" else masks
        _, affine = stored_as(image, SPACING, "RAS")
        affine[0, 1] = 0.02 if name == "train_0420" else 0  # a sheared affine, which ITK refuses
        nifti(root / folders[0] / f"{name}_0000.nii.gz", image, SPACING, affine=affine)
        nifti(root / folders[1] / f"{name}.nii.gz", label_map(masks, VALUES), SPACING, affine=affine)
        cases.append(Case("FLARE21", name, "CT", image, masks, "ct", SPACING))
    nifti(root / "Subtask1" / "TestImage" / "test_0001_0000.nii.gz", image, SPACING)
    nifti(root / "Subtask2" / "TrainImage" / "train_0002_0000.nii.gz", image[::-1], SPACING)
    nifti(root / "Subtask2" / "TrainMask" / "train_0002.nii.gz", np.zeros_like(image), SPACING)
    return Layout(cases)

"""LiTS: two batches in folders with spaces, labels with dummy affines, volumes without labels, one has no tumor."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map, without
from layouts.writers import nifti

VALUES = {"liver": 1, "liver tumor": 2}
SPACING = (0.7, 0.7, 2.0)
SHIFTED = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]], float)


def write(root):
    cases = []
    for number, batch, orientation, dummy in (
        (0, 1, "LAS", None),
        (9, 1, "RAS", np.eye(4)),
        (53, 2, "LPS", SHIFTED),
        (130, 2, "RPS", None),
        (28, 2, "RAS", None),
    ):
        folder = root / f"media/nas/01_Datasets/CT/LITS/Training Batch {batch}"
        image, masks = fake_volume(number, list(VALUES), low=-1200, high=1500)
        masks = without(masks, "liver tumor") if number == 130 else masks
        spacing = (1.0, 1.0, 1.0) if number == 28 else SPACING
        nifti(folder / f"volume-{number}.nii", image, spacing, orientation)
        labels = label_map(masks, VALUES)
        zooms = (1.0, 1.0, 1.0) if dummy is not None else spacing
        nifti(folder / f"segmentation-{number}.nii", labels, zooms, orientation, affine=dummy)
        group = "retreived_2022_03_08"
        cases.append(Case(group, str(number), "CT", image, masks, "ct", spacing))
    nifti(root / "LITS-Challenge-Test-Data" / "test-volume-0.nii", image, SPACING)
    return Layout(cases)

"""WORD: training and validation folders, test images whose labels are in a separate archive, 16-bit labels."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti

ORGANS = [
    "liver", "spleen", "left kidney", "right kidney", "stomach", "gallbladder", "esophagus", "pancreas", "duodenum",
    "colon", "intestine", "adrenal glands", "rectum", "bladder", "head of left femur", "head of right femur",
]  # fmt: skip
VALUES = {name: number for number, name in enumerate(ORGANS, 1)}
SPACING = (0.976, 0.976, 2.5)


def write(root):
    base = root / "WORD-V0.1.0"
    cases = []
    for part, name in (("Tr", "word_0002"), ("Tr", "word_0150"), ("Val", "word_0001"), ("Val", "word_0048")):
        image, masks = fake_volume(name, ORGANS, low=-1024, high=1500)
        labels = label_map(masks, VALUES, np.uint16 if name == "word_0150" else np.uint8)
        nifti(base / f"images{part}" / f"{name}.nii.gz", image, SPACING, "LPS")
        nifti(base / f"labels{part}" / f"{name}.nii.gz", labels, SPACING, "LPS")
        cases.append(Case("retrieved_2022_05_01", name, "CT", image, masks, "ct", SPACING))
    nifti(base / "imagesTs" / "word_0014.nii.gz", image, SPACING, "LPS")
    nifti(root / "labelsTs" / "word_0014.nii.gz", labels, SPACING, "LPS")
    return Layout(cases)

"""MSD Task04: tiny crops, intensities on scales of their own, ids with gaps, macOS's leavings in the tar."""

import numpy as np

from layouts.expected import Case, Layout, merged, solid
from layouts.writers import junk, nifti, text

VALUES = {"anterior hippocampus": 1, "posterior hippocampus": 2}


def write(root):
    task = root / "Task04_Hippocampus"
    cases = []
    for number, scale in ((1, 1), (3, 1000), (394, 0.01)):
        image, masks = solid(number, list(VALUES))
        image = image.astype(np.float32) * scale
        name = f"hippocampus_{number:03d}"
        nifti(task / "imagesTr" / f"{name}.nii.gz", image)
        nifti(task / "labelsTr" / f"{name}.nii.gz", merged(masks, VALUES))
        junk(task / "imagesTr" / f"._{name}.nii.gz")
        cases.append(Case("Hippocampus", name, "MRI", image, masks, "mr"))
    nifti(task / "imagesTr" / "hippocampus_010.nii.gz", image)
    nifti(task / "imagesTs" / "hippocampus_002.nii.gz", image)
    text(task / "dataset.json", "{}")
    return Layout(cases, {("Hippocampus", "hippocampus_010"): "no label file"})

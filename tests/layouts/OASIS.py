"""Neurite-OASIS: folders at top level, float images up to 1, labels 1 to 35, other spaces and label schemes besides."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map, without
from layouts.writers import nifti, text

SIDED = [
    *("cerebral white matter", "cerebral cortex", "lateral ventricle", "inferior lateral ventricle"),
    *("cerebellum white matter", "cerebellum cortex", "thalamus", "caudate", "putamen", "pallidum"),
    *("hippocampus", "amygdala", "accumbens", "ventral DC", "vessel", "choroid plexus"),
]
LEFT, RIGHT = ([f"{side} {name}" for name in SIDED] for side in ("left", "right"))
STRUCTURES = [*LEFT[:10], "3rd ventricle", "4th ventricle", "brain stem", *LEFT[10:], *RIGHT]
VALUES = {name: value for value, name in enumerate(STRUCTURES, 1)}


def write(root):
    cases = []
    for number in (1, 2, 457):
        name = f"OASIS_OAS1_{number:04d}_MR1"
        image, masks = fake_volume(name, STRUCTURES, (16, 18, 20))
        image = (image / 1000).astype(np.float32)
        masks = without(masks, "left vessel", "right vessel") if number == 2 else masks
        labels = label_map(masks, VALUES)
        nifti(root / name / "aligned_norm.nii.gz", image, orientation="LIA")
        nifti(root / name / "aligned_seg35.nii.gz", labels, orientation="LIA")
        nifti(root / name / "aligned_seg4.nii.gz", np.minimum(labels, 4), orientation="LIA")
        nifti(root / name / "aligned_orig.nii.gz", image[::-1], orientation="LIA")
        for kind in ("orig", "norm", "seg35", "seg4"):
            nifti(root / name / f"{kind}.nii.gz", np.zeros((20, 20, 20), np.float32), orientation="LIA")
        cases.append(Case("retrieved_2021_01_26", name, "T1", image, masks, "mr", (1, 1, 1)))
    for kind in ("subjects", "seg4_labels", "seg35_labels"):
        text(root / f"{kind}.txt")
    return Layout(cases)

"""SpineWeb: uncompressed files, discs as one label or numbered, a test set."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti

DISCS = [f"disc {number}" for number in range(1, 8)]
SPACING = (2.0, 1.25, 1.25)


def write(root):
    base = root / "Dataset7" / "IVD_Challenge_Data"
    cases = []
    for name, numbered, orientation in (
        ("Patient1", True, "LPS"),
        ("Patient2", False, "PSR"),
        ("Patient15", False, "RAS"),
    ):
        image, discs = fake_volume(name, DISCS)
        inside = np.any(list(discs.values()), axis=0)
        labels = label_map(discs, {disc: n for n, disc in enumerate(DISCS, 1)}) if numbered else inside.astype(np.uint8)
        nifti(base / name / f"{name}.nii", image, SPACING, orientation)
        nifti(base / name / f"{name}_Label.nii", labels, SPACING, orientation)
        masks = {"intervertebral discs": inside}
        cases.append(Case("Dataset7", name, "MR", image, masks, "mr", SPACING, axes=(0,)))
    nifti(root / "Dataset7" / "Test1" / "Patient16" / "Patient16.nii", image, SPACING)
    return Layout(cases)

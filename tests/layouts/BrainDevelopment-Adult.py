"""BrainDevelopment, adults: the current release with misplaced labels; the older release in two folders."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti, stored_as, text

# value -> name; most of these names differ between the releases, two do not
OLD = {1: "hippocampus right", 11: "superior temporal gyrus right", 20: "insula left", 54: "orbitofrontal gyri left",
       47: "lateral ventricle temporal horn right", 67: "cuneus right"}  # fmt: skip
NEW = {1: "hippocampus right", 11: "superior temporal gyrus posterior part right", 54: "anterior orbital gyrus left",
       67: "cuneus right", 75: "substantia nigra right", 83: "superior temporal gyrus anterior part right"}  # fmt: skip
SPACING = (0.94, 1.5, 0.94)


def write(root):
    cases = []
    for group, names, subject in (
        ("n30r95", NEW, "a01"), ("n30r95", NEW, "a30"), ("n20r67", OLD, "a01"), ("n20r67", OLD, "a20")
    ):  # fmt: skip
        new = group == "n30r95"
        image, masks = fake_volume(f"{group} {subject}", list(names.values()))
        labels = label_map(masks, {name: value for value, name in names.items()})
        if new:
            labels[0, 0, 0], labels[-1, 0, 0] = 20, 95  # parts of the insula
        images = root / ("Hammers_mith-n30r95" if new else "Hammers67n20/images")
        folder = images if new else root / "Hammers67n20" / "segs"
        _, affine = stored_as(image, SPACING, "LAS", origin=(90.0, -126.0, -72.0))
        away = affine + np.array([[0, 0, 0, 16], [0, 0, 0, -30], [0, 0, 0, 20], [0, 0, 0, 0]]) * new
        nifti(images / f"{subject}.nii.gz", image, SPACING, "LAS", affine=affine)
        nifti(folder / f"{subject}-seg.nii.gz", labels, SPACING, "LAS", affine=away, extra=1)
        cases.append(Case(group, subject, "T1", image, masks, "mr", SPACING))
    text(root / "Hammers_mith-n30r95" / "README.txt")
    return Layout(cases)

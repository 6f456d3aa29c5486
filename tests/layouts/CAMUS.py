"""CAMUS: NIfTI pictures of two views and phases, and films; the older release is MetaImage and uses numbers twice."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture, label_map
from layouts.writers import itk, nifti, nifti_picture, text

VALUES = {"left ventricle endocardium (cavity)": 1, "left ventricle myocardium": 2, "left atrium": 3}
SPACING = (0.154, 0.308)  # rows, columns


def write(root):
    base, cases = root / "CAMUS_public", []
    for number, (subject, shape) in enumerate({"patient0001": (30, 22), "patient0500": (34, 26)}.items()):
        folder = base / "database_nifti" / subject
        for view in ("2CH", "4CH"):
            text(folder / f"Info_{view}.cfg", "ED: 1\nES: 18\n")
            for phase in ("ED", "ES"):
                image, masks = fake_picture(f"{subject} {view} {phase}", list(VALUES), shape)
                stem = f"{subject}_{view}_{phase}"
                if number:
                    nifti_picture(folder / f"{stem}.nii.gz", image, SPACING)
                    nifti_picture(folder / f"{stem}_gt.nii.gz", label_map(masks, VALUES), SPACING)
                else:  # the same picture as a volume of one slice
                    steps = (SPACING[1], SPACING[0], 1.0)
                    nifti(folder / f"{stem}.nii.gz", image.T[:, :, None], steps)
                    nifti(folder / f"{stem}_gt.nii.gz", label_map(masks, VALUES).T[:, :, None], steps)
                cases.append(Case(f"{view}_{phase}", subject, "Ultrasound", image, masks, "unit", SPACING))
            film = np.stack([image.T] * 3, axis=2)
            nifti(folder / f"{subject}_{view}_half_sequence.nii.gz", film)
            nifti(folder / f"{subject}_{view}_half_sequence_gt.nii.gz", film)
    text(base / "database_split" / "subgroup_testing.txt", "patient0001\n")
    for split, subject in (("training", "patient0002"), ("training", "patient0450"), ("testing", "patient0002")):
        image, masks = fake_picture(f"{split} {subject}", list(VALUES))
        itk(root / split / subject / f"{subject}_2CH_ED.mhd", image, SPACING)
        itk(root / split / subject / f"{subject}_2CH_ED_gt.mhd", label_map(masks, VALUES), SPACING)
        if split == "training":
            cases.append(Case("2CH_ED", subject, "Ultrasound", image, masks, "unit", SPACING))
    return Layout(cases)

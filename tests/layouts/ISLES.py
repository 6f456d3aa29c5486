"""ISLES: six maps of 2017 with random numbers in folder names, some without labels; BIDS of 2022 in two forms."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map, without
from layouts.writers import nifti, stored_as, text

LESION = {"ischemic stroke lesion": 1}
OLD, NEW = (1.2, 1.2, 6.0), (2.0, 2.0, 2.0)


def write(root):
    cases, reported = [], {}
    number = 128020
    for subject in ("training_1", "training_2", "training_14"):
        case = root / "ISLES2017_Training" / subject
        labelled = subject != "training_14"
        for kind in ("ADC", "MTT", "TTP", "Tmax", "rCBF", "rCBV"):
            image, masks = fake_volume(f"{subject} {kind}", list(LESION))
            number += 7
            nifti(_twice(case, f"VSD.Brain.XX.O.MR_{kind}.{number}"), image, OLD, "LAS")
            if labelled:
                cases.append(Case("ISLES2017", subject, kind, image, masks, "mr", OLD, axes=(2,)))
        nifti(_twice(case, f"VSD.Brain.XX.O.MR_4DPWI.{number + 1}"), np.stack([image] * 3, -1)[..., None, :], OLD)
        if labelled:
            nifti(_twice(case, f"VSD.Brain.XX.O.OT.{number + 2}"), label_map(masks, LESION), OLD, "LAS")
        else:
            reported["ISLES2017", subject] = "no label"
        text(case / f"VSD.Brain.XX.O.MR_ADC.{number - 35}" / "Licence.txt")
    nifti(_twice(root / "ISLES2017_Testing" / "test_1", "VSD.Brain.XX.O.MR_ADC.127014"), image, OLD)
    for digits, base, dwi, anat in (
        ("0001", root / "ISLES-2022", "dwi/", "anat/"),
        ("0250", root / "ISLES-2022", "dwi/", "anat/"),
        ("0009", root / "isles22" / "rawdata", "", ""),
    ):
        subject = f"sub-strokecase{digits}"
        for kind in ("dwi", "adc"):
            image, masks = fake_volume(f"{subject} {kind}", list(LESION))
            masks = without(masks, *LESION) if digits == "0250" else masks
            path = base / subject / "ses-0001" / f"{dwi}{subject}_ses-0001_{kind}.nii.gz"
            nifti(path, image.astype(np.float64), NEW, "LAS")
            cases.append(Case("ISLES2022", subject, kind.upper(), image, masks, "mr", NEW, axes=(2,)))
        flair = base / subject / "ses-0001" / f"{anat}{subject}_ses-0001_{'FLAIR' if anat else 'flair'}.nii.gz"
        nifti(flair, fake_volume(f"{subject} flair", [], (20, 20, 5))[0], (1.0, 1.0, 5.0), "LAS")
        derivatives = (base if anat else base.parent) / "derivatives"
        mask = label_map(masks, LESION, np.uint16)
        _, affine = stored_as(mask, NEW, "LAS")
        affine[:3, 3] += 1e-7
        name = f"{subject}_ses-0001_msk.nii.gz"
        nifti(derivatives / subject / "ses-0001" / name, mask, NEW, "LAS", affine=affine)
    return Layout(cases, reported)


def _twice(case, name):
    return case / name / f"{name}.nii"

"""BRATS: MetaImage of 2015 with random numbers in names, a repeated patient, one name in HGG and LGG; NIfTI of 2021."""

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import itk, nifti, text

OLD = {"necrosis": 1, "edema": 2, "non-enhancing tumor": 3, "enhancing tumor": 4}
NEW = {"necrotic and non-enhancing tumor core": 1, "peritumoral edema or invaded tissue": 2, "GD-enhancing tumor": 4}
SPACING = (1.0, 1.0, 1.0)


def write(root):
    cases = []
    number = 54193
    for grade, patient, time in (
        ("HGG", "brats_tcia_pat153", "0002"),
        ("HGG", "brats_tcia_pat153", "0109"),
        ("HGG", "brats_2013_pat0001", "1"),
        ("LGG", "brats_2013_pat0001", "1"),
        ("LGG", "brats_tcia_pat101", "0001"),
    ):
        case = root / "BRATS2015_Training" / grade / f"{patient}_{time}"
        for kind in ("Flair", "T1", "T1c", "T2"):
            image, masks = fake_volume(f"{case} {kind}", list(OLD))
            number += 1
            itk(_twice(case, f"VSD.Brain.XX.O.MR_{kind}.{number}"), image, SPACING)
            name = f"{grade}_{patient}@{time}"
            cases.append(Case(f"2016_{grade}", name, kind.replace("Flair", "FLAIR"), image, masks, "mr", SPACING))
        stem = "VSD.Brain.XX.O.OT" if patient.endswith("101") else "VSD.Brain_3more.XX.O.OT"
        itk(_twice(case, f"{stem}.{number + 900}"), label_map(masks, OLD), SPACING)
        text(case / f"VSD.Brain.XX.O.MR_T1.{number - 2}" / "Licence_CC_BY_NC_SA_3.0.txt")
    base = root / "RSNA_ASNR_MICCAI_BraTS2021_TrainingData_16July2021"
    for name in ("BraTS2021_00000", "BraTS2021_01666"):
        for kind, modality in (("flair", "FLAIR"), ("t1", "T1"), ("t1ce", "T1c"), ("t2", "T2")):
            image, masks = fake_volume(f"{name} {kind}", list(NEW))
            nifti(base / name / f"{name}_{kind}.nii.gz", image, SPACING, "LPS")
            cases.append(Case("2021", name, modality, image, masks, "mr", SPACING))
        nifti(base / name / f"{name}_seg.nii.gz", label_map(masks, NEW), SPACING, "LPS")
    return Layout(cases)


def _twice(case, name):
    return case / name / f"{name}.mha"

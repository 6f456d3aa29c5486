"""CHAOS: DICOM folders, two naming schemes for CT, slices from the head down; masks as pictures; T1; test sets."""

import numpy as np

from layouts.expected import VOLUME_SHAPE, Case, Layout, fake_volume
from layouts.writers import dicom, raster, slices

GREY = {"liver": 63, "right kidney": 126, "left kidney": 189, "spleen": 252}
SPACING = (0.7, 0.7, 3.0)


def write(root):
    cases = []
    for patient, names, value in (
        ("1", [f"i{n:04d},0000b.dcm" for n in range(8, 8 + VOLUME_SHAPE[2])], True),
        ("10", [f"IMG-0004-{n:05d}.dcm" for n in range(1, 1 + VOLUME_SHAPE[2])], 255),
        ("30", [f"IMG-0052-{n:05d}.dcm" for n in range(95, 95 + VOLUME_SHAPE[2])], 255),  # from two to three digits
    ):
        image, masks = fake_volume(f"CT {patient}", ["liver"], low=-1000, high=900)
        folder = root / "Train_Sets" / "CT" / patient
        dicom(folder / "DICOM_anon", names, image, SPACING, "LPI", intercept=-1024)
        for n, mask in enumerate(slices(masks["liver"], "LPI")):
            raster(folder / "Ground" / f"liver_GT_{n:03d}.png", mask if value is True else np.uint8(value) * mask)
        cases.append(Case("CT", f"CT-{patient}", "CT", image, masks, "ct", SPACING, (-424, 476), axes=(2,)))
    for patient, series in (("1", 2), ("39", 11)):
        image, masks = fake_volume(f"MR {patient}", list(GREY))
        labels = sum(mask * np.uint8(GREY[name]) for name, mask in masks.items())
        labels[masks["spleen"]] -= np.uint8(patient == "39") * 9  # 243: the labels are ranges of values
        folder = root / "Train_Sets" / "MR" / patient
        names = [f"IMG-{series:04d}-{n:05d}" for n in range(1, 1 + VOLUME_SHAPE[2])]
        dicom(folder / "T2SPIR" / "DICOM_anon", [f"{name}.dcm" for name in names], image, SPACING, "LPS")
        for name, picture in zip(names, slices(labels, "LPS"), strict=True):
            raster(folder / "T2SPIR" / "Ground" / f"{name}.png", picture)
            raster(folder / "T1DUAL" / "Ground" / f"{name}.png", picture)
        for phase in ("InPhase", "OutPhase"):
            dicom(folder / "T1DUAL" / "DICOM_anon" / phase, [f"{name}.dcm" for name in names], image, SPACING)
        cases.append(Case("MR", f"MR-{patient}", "T2", image, masks, "mr", SPACING, axes=(2,)))
    dicom(root / "Test_Sets" / "CT" / "3" / "DICOM_anon", [f"{name}.dcm" for name in names], image, SPACING)
    dicom(root / "Test_Sets" / "MR" / "4" / "T2SPIR" / "DICOM_anon", [f"{name}.dcm" for name in names], image, SPACING)
    return Layout(cases)

"""I2CVB: folder names with spaces, DICOM per sequence and structure, structures in fewer slices than the image."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, without
from layouts.writers import dicom

STRUCTURES = {"prostate": "prostate", "peripheral zone": "pz", "central gland": "cg"}
SPACING = (0.7, 0.7, 3.0)


def write(root):
    cases = []
    group = "retrieved_2022_03_08"
    for number in ("383", "1036", "428260", "415"):
        patient = root / "Siemens" / f"Patient {number}"
        image, masks = fake_volume(number, list(STRUCTURES))
        masks["prostate"] = masks["peripheral zone"] | masks["central gland"]
        slices = np.flatnonzero(masks["prostate"].any(axis=(0, 1)))
        kept = range(slices.min(), slices.max() + 1) if number != "428260" else [1, 2, 4, 5, 6]
        masks = without(masks, "central gland") if number == "415" else masks
        names = [f"I{n:04d}.dcm" for n in range(image.shape[2])]
        dicom(patient / "T2W", names, image, SPACING)
        dicom(patient / "ADC", names, image[::-1], SPACING)
        for label, folder in STRUCTURES.items():
            if number == "415" and folder == "cg":
                continue
            dicom(patient / "GT" / folder, names, masks[label] * 200, SPACING)
            for at, name in enumerate(names):
                if at not in kept:
                    (patient / "GT" / folder / name).unlink()
        if number != "428260":
            cases.append(Case(group, number, "MRI", image, masks, "mr", SPACING))
    dicom(root / "GE" / "Patient 410" / "T2W", names, image, SPACING)
    return Layout(cases, {(group, "428260"): "a slice of its ground truth is missing"})

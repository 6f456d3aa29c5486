"""PROMISE12: header and samples in separate files, cases of another clinic, test images with the same names."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume
from layouts.writers import itk

SPACING = (0.6, 0.6, 3.6)


def write(root):
    cases = []
    for number, part, dtype in (
        (0, "TrainingData_Part1", np.int16),
        (12, "TrainingData_Part1", np.uint16),
        (13, "TrainingData_Part1", np.int16),
        (25, "TrainingData_Part2", np.int16),
        (26, "TrainingData_Part2", np.float32),
        (49, "TrainingData_Part3", np.int16),
    ):
        name = f"Case{number:02d}"
        image, masks = fake_volume(name, ["prostate"])
        itk(root / part / f"{name}.mhd", image.astype(dtype), SPACING)
        itk(root / part / f"{name}_segmentation.mhd", masks["prostate"].astype(np.int8), SPACING)
        if number not in (13, 25):
            cases.append(Case("retrieved_2021_10_12", name, "MRI", image, masks, "mr", SPACING, axes=(2,)))
    for name in ("Case00", "Case29"):
        itk(root / "TestData" / f"{name}.mhd", image[::-1], SPACING)
    return Layout(cases)

"""NCI-ISBI: DICOM in folders with long names; NRRD labels in other axis orders, one with thinner slices; odd names."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import dicom, itk

VALUES = {"peripheral zone": 1, "central gland": 2}
SPACING = (0.6, 0.6, 4.0)
UID = "1.3.6.1.4.1.14519.5.2.1.7307.2101."


def write(root):
    cases, reported = [], {}
    archive = root / "manifest-1600709154662"
    for collection, name, suffix in (
        ("Prostate-3T", "Prostate3T-01-0001", ""),
        ("Prostate-3T", "Prostate3T-01-0002", ""),
        ("Prostate-3T", "Prostate3T-01-0030", "_correctedLabels"),
        ("Prostate-3T", "Prostate3T-02-0001", None),
        ("Prostate-3T", "Prostate3T-01-0031", None),
        ("PROSTATE-DIAGNOSIS", "ProstateDx-01-0006", "_correctedLabels"),
    ):
        image, masks = fake_volume(name, list(VALUES))
        series = archive / collection / name / f"{UID}{len(cases)}" / f"{UID}9{len(cases)}"
        dicom(series, [f"1-{n:02d}.dcm" for n in range(image.shape[2], 0, -1)], image, SPACING)
        labels, finer = label_map(masks, VALUES), name.endswith("0002")
        spacing = (0.6, 0.6, 2.0) if finer else SPACING
        if suffix is not None:
            labels = np.repeat(labels, 2, axis=2) if finer else labels
            itk(root / "Training" / f"{name}{suffix}.nrrd", labels, spacing, "RAS", compressed=True)
        if suffix is not None and name.startswith("Prostate3T"):
            cases.append(Case("retrieved_2021_10_12", name, "MRI", image, masks, "mr", SPACING, axes=(2,)))
    itk(root / "Test" / "Prostate3T-01-0031.nrrd", labels, SPACING, "RAS")
    reported["retrieved_2021_10_12", "Prostate3T-01-0031"] = "no label"
    return Layout(cases, reported)

"""cDEMRIS: NRRD, masks with value 1 or 255; the same numbers before and after ablation; masks of other observers."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume
from layouts.writers import itk, text

SPACING = (0.7, 0.7, 1.5)


def write(root):
    cases = []
    for when, letter, number, value in (
        ("pre", "a", 1, 1),
        ("pre", "a", 30, 255),
        ("post", "b", 1, 255),
        ("post", "b", 2, 1),
    ):
        image, masks = fake_volume(f"{when} {number}", ["left atrium"])
        folder = root / "ISBI_2012" / when / f"p{number}"
        itk(folder / f"de_{letter}_{number}.nrrd", image, SPACING)
        itk(folder / f"la_seg_{letter}_{number}.nrrd", masks["left atrium"].astype(np.uint8) * value, SPACING)
        itk(root / "annotations" / f"kcl_{letter}_{number}.nrrd", np.zeros(image.shape, np.uint8), SPACING)
        text(root / "annotations" / f"staple_{letter}_{number}.gipl")
        cases.append(Case(f"ISBI_2012_{when}", f"{when}-{number}", "MRI", image, masks, "mr", SPACING, axes=(2,)))
    return Layout(cases)

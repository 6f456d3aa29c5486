"""SCD: four challenges in five groups with the same patient numbers."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume
from layouts.writers import itk, text

SPACING = (1.25, 1.25, 2.5)
ATRIUM, MYOCARDIUM = "left atrium", "left ventricle myocardium"


def write(root):
    cases, reported = [], {}
    for name in ("b001", "b010", "b011", "a001"):
        folder = root / "LAS" / name
        image, masks = fake_volume(name, [ATRIUM])
        itk(folder / "image.mhd", image, SPACING)
        if name != "b011":
            itk(folder / "gt_binary.mhd", masks[ATRIUM].astype(np.uint8) * 255, SPACING)
            itk(folder / "gt_std.mhd", masks[ATRIUM][::-1].astype(np.uint8), SPACING)
            itk(folder / "gt_noclip.mhd", masks[ATRIUM][::-1].astype(np.uint8), SPACING)
        if name in ("b001", "b010"):
            cases.append(Case("LAS", f"LAS-{name}", "MRI", image, masks, "mr", SPACING, axes=(2,)))
    text(root / "LAS" / "data_readme.txt")
    reported["LAS", "LAS-b011"] = "no label"
    for group, folder, letter in (("LAF_Pre", "LAF_Pre", "a"), ("LAF_Post", "post", "b")):
        for number in (1, 30):
            image, masks = fake_volume(f"{group} {number}", [ATRIUM])
            place = root / folder / f"p{number}"
            itk(place / f"de_{letter}_{number}.nrrd", image, SPACING)
            itk(place / f"la_seg_{letter}_{number}.nrrd", masks[ATRIUM].astype(np.uint8), SPACING)
            cases.append(Case(group, f"{group}-{number}", "MRI", image, masks, "mr", SPACING, axes=(2,)))
    for group, folder in (("VIS_human", "human_dataset/training"), ("VIS_pig", "VIS_pig/{}")):
        for name in ("p1", "p2"):
            image, masks = fake_volume(f"{group} {name}", [MYOCARDIUM])
            place = root / folder.format(name)
            itk(place / f"{name}_de.nrrd", image, SPACING)
            itk(place / f"{name}_myo.nrrd", masks[MYOCARDIUM].astype(np.uint8), SPACING)
            itk(place / f"{name}_infarct.nrrd", (masks[MYOCARDIUM] & (image > 500)).astype(np.uint8), SPACING)
            cases.append(Case(group, f"{group}-{name}", "MRI", image, masks, "mr", SPACING, axes=(2,)))
    return Layout(cases, reported)

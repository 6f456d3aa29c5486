"""SCD: five challenges with the same patient numbers; Sunnybrook slices whose contours have other names."""

import numpy as np
from scipy.ndimage import binary_dilation

from layouts.expected import Case, Layout, fake_picture, fake_volume
from layouts.writers import dicom, itk, outline, text, with_parent

SPACING = (1.25, 1.25, 2.5)
ATRIUM, MYOCARDIUM, CAVITY = "left atrium", "left ventricle myocardium", "left ventricle cavity"


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
    _sunnybrook(root, cases, reported)
    return Layout(cases, reported)


def _sunnybrook(root, cases, reported):
    """Two patients; the first has a second series with the same numbers, to which the contours do not belong."""
    text(root / "scd_patientdata.csv", "PatientID,OriginalID,Gender\nSCD0000101,SC-HF-I-1,M\nSCD0004501,SC-N-11,F\n")
    for part, subject, original in ((1, "SCD0000101", "SC-HF-I-01"), (5, "SCD0004501", "SC-N-11")):
        images = root / f"SCD_IMAGES_{part:02d}" / subject
        contours = root / "SCD_ManualContours" / original / "contours-manual" / "IRCCI-expert"
        for number in (48, 59, 60, 61):
            image, masks = fake_picture(f"{subject} {number}", [CAVITY], (24, 27))
            _slice(images / "CINESAX_300", f"IM-0003-{number:04d}.dcm", image)
            _slice(images / "CINELAX_301", f"IM-0004-{number:04d}.dcm", image.T)
            if part == 1 and number > 59:
                _slice(images / "CINESAX_305", f"IM-0007-{number:04d}.dcm", image[::-1])
            if number == 61:
                reported["Sunnybrook", f"{subject}@0061"] = "no label"
                continue
            around = binary_dilation(masks[CAVITY], np.ones((3, 3)), iterations=2)
            outline(with_parent(contours / f"IM-0001-{number:04d}-icontour-manual.txt"), masks[CAVITY])
            if number == 60:
                around = masks[CAVITY]
            else:
                outline(contours / f"IM-0001-{number:04d}-ocontour-manual.txt", around)
            masks = {MYOCARDIUM: around & ~masks[CAVITY], CAVITY: masks[CAVITY]}
            name = f"{subject}@{number:04d}"
            cases.append(Case("Sunnybrook", name, "cine-MRI", image, masks, "mr", axes=(0,)))


def _slice(folder, name, picture):
    dicom(folder, [name], picture.T[:, :, None].astype(np.int16), orientation="RAS")

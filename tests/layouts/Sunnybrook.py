"""Sunnybrook: slices whose contours have other names."""

import numpy as np
from scipy.ndimage import binary_dilation

from layouts.expected import Case, Layout, fake_picture
from layouts.writers import dicom, outline, text, with_parent

MYOCARDIUM, CAVITY = "left ventricle myocardium", "left ventricle cavity"


def write(root):
    """Two patients; the first has a second series with the same numbers, to which the contours do not belong."""
    cases, reported = [], {}
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
    return Layout(cases, reported)


def _slice(folder, name, picture):
    dicom(folder, [name], picture.T[:, :, None].astype(np.int16), orientation="RAS")

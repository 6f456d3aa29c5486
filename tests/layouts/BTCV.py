"""BTCV: label files with a prefix of their own, no ids 11 to 20, an organ missing, test images without labels."""

from layouts.expected import Case, Layout, empty, merged, solid
from layouts.writers import nifti

ORGANS = [
    "spleen",
    "right kidney",
    "left kidney",
    "gallbladder",
    "esophagus",
    "liver",
    "stomach",
    "aorta",
    "inferior vena cava",
    "portal vein and splenic vein",
    "pancreas",
    "right adrenal gland",
    "left adrenal gland",
]
VALUES = {name: value for value, name in enumerate(ORGANS, 1)}
SPACING = (0.8, 0.8, 3.0)


def write(root):
    cases = []
    for number in (1, 10, 21, 40):
        image, masks = solid(number, ORGANS, low=-1500, high=3500)
        masks = empty(masks, "gallbladder") if number == 21 else masks
        nifti(root / "RawData" / "Training" / "img" / f"img{number:04d}.nii.gz", image, SPACING, "LAS")
        label = root / "RawData" / "Training" / "label" / f"label{number:04d}.nii.gz"
        nifti(label, merged(masks, VALUES), SPACING, "LAS")
        cases.append(Case("Abdomen", f"img{number:04d}", "CT", image, masks, "ct", SPACING))
    nifti(root / "RawData" / "Testing" / "img" / "img0061.nii.gz", image, SPACING)
    return Layout(cases)

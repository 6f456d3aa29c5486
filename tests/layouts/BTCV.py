"""BTCV: label files with a prefix of their own, no numbers 11 to 20, a missing organ, test images without labels."""

from layouts.expected import Case, Layout, fake_volume, label_map, without
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
        image, masks = fake_volume(number, ORGANS, low=-1500, high=3500)
        masks = without(masks, "gallbladder") if number == 21 else masks
        nifti(root / "RawData" / "Training" / "img" / f"img{number:04d}.nii.gz", image, SPACING, "LAS")
        label = root / "RawData" / "Training" / "label" / f"label{number:04d}.nii.gz"
        nifti(label, label_map(masks, VALUES), SPACING, "LAS")
        cases.append(Case("Abdomen", f"img{number:04d}", "CT", image, masks, "ct", SPACING))
    nifti(root / "RawData" / "Testing" / "img" / "img0061.nii.gz", image, SPACING)
    return Layout(cases)

"""AMOS: only the number tells CT from MRI; labelled validation images, unlabelled test images, macOS metadata files."""

from layouts.expected import Case, Layout, fake_volume, label_map, without
from layouts.writers import mac_junk, nifti, text

ORGANS = [
    "spleen",
    "right kidney",
    "left kidney",
    "gallbladder",
    "esophagus",
    "liver",
    "stomach",
    "aorta",
    "inferior vena cava (postcava)",
    "pancreas",
    "right adrenal gland",
    "left adrenal gland",
    "duodenum",
    "bladder",
    "prostate or uterus",
]
VALUES = {name: value for value, name in enumerate(ORGANS, 1)}
SPACING = (0.7, 0.7, 5.0)


def write(root):
    base = root / "amos22"
    cases = []
    for number in (1, 410, 507, 600):
        name, mri = f"amos_{number:04d}", number > 500
        image, masks = fake_volume(number, ORGANS, low=0 if mri else -1000, high=800 if mri else 1200)
        masks = without(masks, "bladder", "prostate or uterus") if number == 600 else masks
        nifti(base / "imagesTr" / f"{name}.nii.gz", image, SPACING, "LAS")
        nifti(base / "labelsTr" / f"{name}.nii.gz", label_map(masks, VALUES), SPACING, "LAS")
        mac_junk(root / "__MACOSX" / "amos22" / "imagesTr" / f"._{name}.nii.gz")
        cases.append(Case("AMOS22", name, "MRI" if mri else "CT", image, masks, "mr" if mri else "ct", SPACING))
    for folder, number in (("Va", 8), ("Va", 544)):
        nifti(base / f"images{folder}" / f"amos_{number:04d}.nii.gz", image, SPACING)
        nifti(base / f"labels{folder}" / f"amos_{number:04d}.nii.gz", label_map(masks, VALUES), SPACING)
    nifti(base / "imagesTs" / "amos_0002.nii.gz", image, SPACING)
    text(base / "dataset.json", "{}")
    return Layout(cases)

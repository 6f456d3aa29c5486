"""MSD Task02: volumes in imagesTr and labelsTr, ids with gaps, macOS's leavings in the tar, test images."""

from layouts.expected import Case, Layout, merged, solid
from layouts.writers import junk, nifti, text

SPACING = (1.25, 1.25, 1.37)


def write(root):
    task = root / "Task02_Heart"
    cases = []
    for number in (3, 4, 5, 30):
        image, masks = solid(number, ["left atrium"])
        name = f"la_{number:03d}"
        nifti(task / "imagesTr" / f"{name}.nii.gz", image, SPACING, "LAS")
        nifti(task / "labelsTr" / f"{name}.nii.gz", merged(masks, {"left atrium": 1}), SPACING, "LAS")
        junk(task / "imagesTr" / f"._{name}.nii.gz")
        cases.append(Case("Heart", name, "MRI", image, masks, "mr", SPACING))
    nifti(task / "imagesTs" / "la_001.nii.gz", solid(1, ["left atrium"])[0], SPACING)
    text(task / "dataset.json", "{}")
    return Layout(cases)

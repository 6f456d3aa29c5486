"""BrainDevelopment, children: images with a fourth axis of one sample, labels in a separate folder."""

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti

VALUES = {"hippocampus right": 1, "fusiform gyrus left": 16, "brainstem": 19, "insula left": 20, "insula right": 21}
VALUES |= {"lateral ventricle excluding temporal horn right": 45, "superior temporal gyrus anterior part right": 83}
SPACING = (1.0, 1.04, 1.04)


def write(root):
    cases = []
    for subject in ("01", "02", "33"):
        image, masks = fake_volume(subject, list(VALUES))
        nifti(root / "PediatricAtlas" / "images" / f"{subject}.nii.gz", image, SPACING, "LPS", extra=1)
        label = root / "PediatricAtlas" / "segmentations" / f"{subject}_seg_83ROI.nii.gz"
        nifti(label, label_map(masks, VALUES), SPACING, "LPS")
        cases.append(Case("PediatricAtlas", subject, "T1", image, masks, "mr", SPACING))
    return Layout(cases)

"""WMH: sites at different folder depths, raw and preprocessed scans, T1 of another shape, test set, other observers."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map, without
from layouts.writers import nifti

VALUES = {"white matter hyperintensity": 1, "other pathology": 2}
SPACING = (0.96, 0.95, 3.0)


def write(root):
    cases = []
    for place, number in (("Utrecht", 0), ("Utrecht", 2), ("Singapore", 50), ("Amsterdam/GE3T", 100)):
        folder = root / "training" / place / str(number)
        image, masks = fake_volume(number, list(VALUES))
        masks = masks if number == 50 else without(masks, "other pathology")
        _scans(folder, image)
        nifti(folder / "wmh.nii.gz", label_map(masks, VALUES), SPACING, "LAS")
        cases.append(Case("retrieved_2022_03_10", str(number), "FLAIR", image, masks, "mr", SPACING))
        other = root / "additional_annotations" / "observer_o3" / "training" / place / str(number)
        nifti(other / "result.nii.gz", np.ones_like(image), SPACING, "LAS")
        nifti(other / "wmh.nii.gz", np.ones_like(image), SPACING, "LAS")
    for place, number in (("Utrecht", 1), ("Amsterdam/Philips_VU .PETMR_01.", 160)):
        _scans(root / "test" / place / str(number), image)
        nifti(root / "test" / place / str(number) / "wmh.nii.gz", np.ones_like(image), SPACING, "LAS")
    return Layout(cases)


def _scans(folder, image):
    """FLAIR before and after bias correction; T1 on the grid of FLAIR and on its own grid."""
    nifti(folder / "orig" / "FLAIR.nii.gz", image[::-1], SPACING, "LAS")
    nifti(folder / "pre" / "FLAIR.nii.gz", image, SPACING, "LAS")
    for where in ("orig", "pre"):
        nifti(folder / where / "T1.nii.gz", image[:, ::-1], SPACING, "LAS")
        nifti(folder / where / "3DT1.nii.gz", image.repeat(2, axis=2), (1.0, 1.0, 1.0), "RAS")

"""FeTA: BIDS with two reconstructions, derivatives of the same subjects, and the subjects from Vienna of 2022."""

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti, text

TISSUES = ["external cerebrospinal fluid", "grey matter", "white matter", "ventricles", "cerebellum"]
VALUES = {name: value for value, name in enumerate([*TISSUES, "deep grey matter", "brainstem"], 1)}
SPACING = (0.5, 0.5, 0.5)


def write(root):
    cases = []
    for version, subject, method in (
        ("feta_2.4", "sub-001", "mial"),
        ("feta_2.4", "sub-040", "mial"),
        ("feta_2.4", "sub-041", "irtk"),
        ("feta_2.4", "sub-080", "irtk"),
        ("feta22_Vienna", "sub-101", "nmic"),
    ):
        image, masks = fake_volume(subject, list(VALUES))
        stem = f"{subject}_rec-{method}"
        nifti(root / version / subject / "anat" / f"{stem}_T2w.nii.gz", image, SPACING)
        nifti(root / version / subject / "anat" / f"{stem}_dseg.nii.gz", label_map(masks, VALUES), SPACING)
        if method != "nmic":
            moved = root / version / "derivatives" / "biometry" / subject / "anat"
            nifti(moved / f"{stem}_meas.nii.gz", image, SPACING)
            nifti(moved / f"{stem}_T2w.nii.gz", image, SPACING)
            cases.append(Case("FeTA", subject, "MRI", image, masks, "mr", SPACING))
    text(root / "feta_2.4" / "participants.tsv", "participant_id\tPathology\n")
    return Layout(cases)

"""ACDC: per patient two labelled frames and the cine; one patient lacks frame 1; sforms say 1 mm; test patients."""

import numpy as np

from layouts.expected import Case, Layout, fake_volume, label_map
from layouts.writers import nifti, stored_as, text

VALUES = {"right ventricle cavity": 1, "left ventricle myocardium": 2, "left ventricle cavity": 3}
SPACING = (1.4, 1.4, 10.0)


def write(root):
    base = root / "ACDC" / "database"
    cases = []
    frames = {"training/patient001": (1, 12), "training/patient100": (1, 13), "training/patient090": (4, 11)}
    for folder, numbers in {**frames, "testing/patient101": (1, 14)}.items():
        name = folder[-10:]
        text(base / folder / "Info.cfg", f"ED: {numbers[0]}\nES: {numbers[1]}\n")
        for number in numbers:
            image, masks = fake_volume(f"{name} {number}", list(VALUES))
            stem = base / folder / f"{name}_frame{number:02d}"
            affine = stored_as(image, (1, 1, 1), "LPS")[1] if name == "patient100" else None
            nifti(stem.with_name(f"{stem.name}.nii.gz"), image, SPACING, "LPS", affine=affine)
            nifti(stem.with_name(f"{stem.name}_gt.nii.gz"), label_map(masks, VALUES), SPACING, "LPS", affine=affine)
            if number == 1 and "training" in folder:
                cases.append(Case("Challenge2017", name, "MRI", image, masks, "mr", SPACING, axes=(2,)))
        nifti(base / folder / f"{name}_4d.nii.gz", np.stack([image, image], axis=3), SPACING)
    scribbles = root / "Scribbles" / "patient001" / "patient001_frame01_scribble.nii.gz"
    nifti(scribbles, np.zeros_like(image), SPACING)
    return Layout(cases)

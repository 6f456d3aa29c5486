"""What the ten tasks of the Decathlon share: imagesTr, labelsTr, imagesTs, dataset.json, macOS metadata files."""

import json

import numpy as np

from layouts.expected import VOLUME_SHAPE, Case, Layout, fake_volume, label_map, without
from layouts.writers import ONE_MM, mac_junk, nifti, text

HOUNSFIELD = (-1200, 1500)


def task(
    root,
    folder: str,
    names,
    values,
    *,
    modalities=("CT",),
    spacing=ONE_MM,
    orientation="RAS",
    dtype=np.int16,
    label_dtype=np.uint8,
    lacking=(),
    scale=None,
    window=None,
    axes=(0, 1, 2),
) -> Layout:
    """The tree of one task; `lacking` lists (case, absent label), `scale` maps a case to a factor.

    Several modalities lie along a fourth axis. The test image has no label.
    """
    base, group = root / folder, folder.partition("_")[2]
    ct = "CT" in modalities[0]
    cases = []
    for name in names:
        images = {kind: fake_volume(f"{name} {kind}", list(values), VOLUME_SHAPE, *(HOUNSFIELD if ct else (0, 1000)))[0]
                  for kind in modalities}  # fmt: skip
        images = {kind: image.astype(dtype) * dtype((scale or {}).get(name, 1)) for kind, image in images.items()}
        masks = without(
            fake_volume(name, list(values), VOLUME_SHAPE)[1], *[label for who, label in lacking if who == name]
        )
        cases += [
            Case(group, name, kind, image, masks, "ct" if ct else "mr", spacing, window, axes)
            for kind, image in images.items()
        ]
        several = np.stack(list(images.values()), axis=-1)
        stored = several if len(modalities) > 1 else several[..., 0]
        nifti(base / "imagesTr" / f"{name}.nii.gz", stored, spacing, orientation)
        nifti(base / "labelsTr" / f"{name}.nii.gz", label_map(masks, values, label_dtype), spacing, orientation)
        mac_junk(base / "imagesTr" / f"._{name}.nii.gz")
        mac_junk(base / "labelsTr" / f"._{name}.nii.gz")
    stem, _, number = names[0].rpartition("_")
    nifti(base / "imagesTs" / f"{stem}_{int(number) + 1:0{len(number)}d}.nii.gz", stored, spacing, orientation)
    pairs = [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in names]
    text(base / "dataset.json", json.dumps({"name": group, "relase": "1.0", "training": pairs}))
    return Layout(cases)

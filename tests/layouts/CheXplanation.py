"""CheXlocalize: JPEG; one JSON of run lengths with overlapping and empty findings; pictures without an entry."""

import json

import numpy as np

from layouts.expected import Case, Layout, fake_picture, without
from layouts.writers import raster, run_lengths, text

FINDINGS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Airspace Opacity",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Support Devices",
)


def write(root):
    valid, cases, entries = root / "CheXpert" / "val", [], {}
    for number, shape in ((64541, (50, 60)), (64600, (64, 52)), (64740, (60, 60))):
        name = f"patient{number}"
        image, masks = fake_picture(name, FINDINGS, shape)
        masks["Enlarged Cardiomediastinum"] |= masks["Cardiomegaly"]
        masks = without(masks, "Pneumothorax", "Edema") if number == 64600 else masks
        raster(valid / name / "study1" / "view1_frontal.jpg", image, quality=95)
        raster(valid / name / "study1" / "view2_lateral.jpg", image)
        raster(valid / name / "study2" / "view1_frontal.jpg", image)
        raster(root / "CheXpert-v1.0-small" / "valid" / name / "study1" / "view1_frontal.jpg", image[::2, ::2])
        small = {label.lower(): mask for label, mask in masks.items()}
        for key in (f"{name}_study1_view1_frontal", f"{name}_study1_view2_lateral", f"{name}_study2_view1_frontal"):
            entries[key] = masks if key.endswith("study1_view1_frontal") else dict.fromkeys(masks, ~masks["Edema"])
        cases.append(Case("CheXplanation", name, "X-ray", image, small, "unit", lossy=True))
    raster(valid / "patient64999" / "study1" / "view1_frontal.jpg", image)
    labels = root / "CheXlocalize"
    run_lengths(labels / "gt_segmentations_val.json", entries)
    wrong = {key: dict.fromkeys(masks, np.ones_like(image, bool)) for key, masks in entries.items()}
    run_lengths(labels / "gradcam_segmentations_val.json", wrong)
    text(labels / "gt_annotations_val.json", json.dumps({key: {"img_size": [1, 1]} for key in entries}))
    text(root / "CheXpert" / "val_labels.csv", "Path\n")
    return Layout(cases, {("CheXplanation", "patient64999"): "has no entry"})

"""OCTA-500: projections of two fields of view, folders with brackets, labels of two releases; volumes are not used."""

import numpy as np

from layouts.expected import Case, Layout, fake_picture, label_map
from layouts.writers import hdf5, raster

FOLDERS = {
    "large vessel": "GT_LargeVessel",
    "capillary": "GT_Capillary",
    "artery": "GT_Artery",
    "vein": "GT_Vein",
    "foveal avascular zone": "GT_FAZ",
}
PROJECTIONS = {"OCT(FULL)": "OCT", "OCTA(FULL)": None, "OCTA(ILM_OPL)": "OCTA", "OCTA(OPL_BM)": None}
IDS = {"OCTA_6mm": ("10001", "10123", "10300"), "OCTA_3mm": ("10301", "10399", "10500")}


PARTS = {"OCTA_3mm": "OCTA_3mm_part3", "OCTA_6mm": "OCTA_6mm_part8"}  # the folder in each archive
OLD = {"foveal avascular zone": 100, "large vessel": 255}  # one label map, in the release of 2022
NO_LABEL = "the manifest leaves such images out"


def write(root):
    cases, reported = [], {}
    for field, ids in IDS.items():
        group, shape = field.replace("mm", "M"), (48, 48) if field == "OCTA_6mm" else (40, 40)
        for name in ids:
            _, masks = fake_picture(name, FOLDERS, shape)
            masks["capillary"] |= masks["large vessel"]
            old = {label: masks[label] for label in OLD}
            new_release, old_release = name != "10500", name in ("10399", "10500")
            for folder, modality in PROJECTIONS.items():
                image, _ = fake_picture(f"{name} {folder}", FOLDERS, shape)
                raster(root / PARTS[field] / field / "Projection Maps" / folder / f"{name}.bmp", image)
                if modality and new_release:
                    cases.append(Case(group, name, modality, image, masks, "unit"))
                if modality and old_release:
                    cases.append(Case(f"{group}-2022", name, modality, image, old, "unit"))
            raster(root / PARTS[field] / field / "OCT" / name / "1.bmp", image)
            if new_release:
                _structures(root / "Label", name, masks)
            else:
                reported[group, name] = NO_LABEL
            if old_release:
                raster(root / PARTS[field] / field / "GroundTruth" / f"{name}.bmp", label_map(old, OLD))
            else:
                reported[f"{group}-2022", name] = NO_LABEL
    return Layout(cases, reported)


def _structures(folder, name, masks):
    for label, inside in masks.items():
        raster(folder / FOLDERS[label] / f"{name}.bmp", inside.astype(np.uint8) * 255)
    raster(folder / "GT_CAVF" / f"{name}.bmp", sum(k * masks[label] for k, label in enumerate(masks)).astype(np.uint8))
    hdf5(folder / "GT_FAZ3D" / f"{name}.mat", FAZlabel=np.zeros((2, 2, 2)))

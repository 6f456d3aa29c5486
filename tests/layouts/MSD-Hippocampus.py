"""MSD Task04: small crops, each with its own intensity scale, numbers with gaps, an image without its label."""

import numpy as np

from layouts.decathlon import task
from layouts.expected import Layout

VALUES = {"anterior hippocampus": 1, "posterior hippocampus": 2}


def write(root):
    names = ["hippocampus_001", "hippocampus_003", "hippocampus_010", "hippocampus_394"]
    scale = {"hippocampus_003": 1000, "hippocampus_394": 0.01}
    layout = task(root, "Task04_Hippocampus", names, VALUES, modalities=("MRI",), dtype=np.float32, scale=scale)
    (root / "Task04_Hippocampus" / "labelsTr" / "hippocampus_010.nii.gz").unlink()
    cases = [case for case in layout.cases if case.subject != "hippocampus_010"]
    return Layout(cases, {("Hippocampus", "hippocampus_010"): "no label file"})

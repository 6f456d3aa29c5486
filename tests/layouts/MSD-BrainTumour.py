"""MSD Task01: four modalities along a fourth axis, three labels; one case lacks a label."""

from layouts.decathlon import task

VALUES = {"edema": 1, "non-enhancing tumor": 2, "enhancing tumour": 3}  # other numbers than in BraTS


def write(root):
    return task(
        root,
        "Task01_BrainTumour",
        ["BRATS_001", "BRATS_250", "BRATS_484"],
        VALUES,
        modalities=("FLAIR", "T1w", "T1gd", "T2w"),
        orientation="LPS",
        lacking=[("BRATS_250", "non-enhancing tumor")],
    )

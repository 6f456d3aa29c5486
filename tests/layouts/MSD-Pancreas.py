"""MSD Task07: pancreas and masses, both in all cases."""

from layouts.decathlon import task

VALUES = {"pancreas": 1, "cancer": 2}


def write(root):
    names = ["pancreas_001", "pancreas_004", "pancreas_421"]
    return task(root, "Task07_Pancreas", names, VALUES, modalities=("PVP-CT",), spacing=(0.8, 0.8, 2.5))

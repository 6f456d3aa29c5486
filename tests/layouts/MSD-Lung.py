"""MSD Task06: one label of few voxels, thin slices."""

from layouts.decathlon import task


def write(root):
    names = ["lung_001", "lung_003", "lung_096"]
    return task(root, "Task06_Lung", names, {"cancer": 1}, spacing=(0.8, 0.8, 1.2), orientation="LAS")

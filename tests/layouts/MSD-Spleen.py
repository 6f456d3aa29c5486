"""MSD Task09: numbers without zeros."""

from layouts.decathlon import task


def write(root):
    names = ["spleen_2", "spleen_20", "spleen_63"]
    return task(root, "Task09_Spleen", names, {"spleen": 1}, spacing=(0.8, 0.8, 5.0))

"""MSD Task08: slices of 5 mm."""

from layouts.decathlon import task

VALUES = {"vessel": 1, "tumour": 2}


def write(root):
    names = ["hepaticvessel_001", "hepaticvessel_010", "hepaticvessel_458"]
    return task(root, "Task08_HepaticVessel", names, VALUES, spacing=(0.8, 0.8, 5.0))

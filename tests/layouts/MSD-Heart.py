"""MSD Task02: numbers with gaps."""

from layouts.decathlon import task


def write(root):
    names = ["la_003", "la_004", "la_005", "la_030"]
    spacing = (1.25, 1.25, 1.37)
    values = {"left atrium": 1}
    return task(root, "Task02_Heart", names, values, modalities=("MRI",), spacing=spacing, orientation="LAS")

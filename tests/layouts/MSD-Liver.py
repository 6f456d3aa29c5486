"""MSD Task03: numbers without zeros, a narrow window, a case with wrong voxel sizes of 1 mm, one without cancer."""

from layouts.decathlon import task
from layouts.expected import Layout

VALUES = {"liver": 1, "cancer": 2}
FOLDER = "Task03_Liver"


def write(root):
    same = {"modalities": ("PVP-CT",), "window": (-250, 250)}
    lacking = [("liver_130", "cancer")]
    usual = task(
        root, FOLDER, ["liver_0", "liver_9", "liver_130"], VALUES, spacing=(0.7, 0.7, 2), lacking=lacking, **same
    )
    cubes = task(root, FOLDER, ["liver_28", "liver_47"], VALUES, orientation="LPS", **same)
    return Layout([*usual.cases, *cubes.cases])

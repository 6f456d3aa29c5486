"""MSD Task05: T2 and ADC along a fourth axis, thick slices, only the last axis is used; one case lacks PZ."""

from layouts.decathlon import task

VALUES = {"peripheral zone (PZ)": 1, "transition zone (TZ)": 2}


def write(root):
    return task(
        root,
        "Task05_Prostate",
        ["prostate_00", "prostate_02", "prostate_47"],
        VALUES,
        modalities=("T2", "ADC"),
        spacing=(0.6, 0.6, 3.6),
        lacking=[("prostate_47", "peripheral zone (PZ)")],
        axes=(2,),
    )

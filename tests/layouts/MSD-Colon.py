"""MSD Task10: images and labels are both stored as float32."""

import numpy as np

from layouts.decathlon import task


def write(root):
    names = ["colon_001", "colon_005", "colon_219"]
    values = {"colon cancer primaries": 1}
    same = {"dtype": np.float32, "label_dtype": np.float32}
    return task(root, "Task10_Colon", names, values, spacing=(0.75, 0.75, 5.0), **same)

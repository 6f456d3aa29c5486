"""WBC, Dataset 2: pictures of one size, some labels with meaningless values."""

from layouts.expected import Layout
from layouts.white_cells import cells


def write(root):
    cells(root, "Dataset 1", "JTSC", [(20, 20)])  # in the same archive, but another dataset
    return Layout(cells(root, "Dataset 2", "CV", [(30, 30)] * 3, stray=7))

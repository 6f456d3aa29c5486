"""WBC, Dataset 1: pictures of many sizes, often not square."""

from layouts.expected import Layout
from layouts.white_cells import cells


def write(root):
    cells(root, "Dataset 2", "CV", [(30, 30)])  # in the same archive, but another dataset
    return Layout(cells(root, "Dataset 1", "JTSC", [(24, 24), (22, 24), (24, 18)]))

"""Voxel sizes of NIfTI files whose affine has steps of 1."""

import numpy as np
import pytest

from universeg.imageio.nifti import with_true_sizes


@pytest.mark.parametrize("sizes", [(2, 3), (2, 3, 4), (2, 3, 4, 7)])
def test_sizes_replace_steps_of_one(sizes):
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = 5
    expected = affine @ np.diag([*sizes[:3], *[1] * (4 - len(sizes[:3]))])
    np.testing.assert_array_equal(with_true_sizes(affine, sizes), expected)


@pytest.mark.parametrize("sizes", [(0, 2, 2), (-1, 2, 2), (np.nan, 2, 2)])
def test_invalid_sizes_are_ignored(sizes):
    np.testing.assert_array_equal(with_true_sizes(np.eye(4), sizes), np.eye(4))


def test_other_steps_are_kept():
    np.testing.assert_array_equal(with_true_sizes(np.diag([2, 2, 2, 1]), (1, 3, 4)), np.diag([2, 2, 2, 1]))

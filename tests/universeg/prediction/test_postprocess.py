"""Cleaning of label maps: each option does what it says, and no structure takes pixels of another one."""

import numpy as np
import pytest

from universeg.prediction.postprocess import Cleaning, cleaned


def picture():
    """A square with a hole and a ragged edge, a small part, and a second structure inside the hole."""
    labels = np.zeros((40, 50), np.uint8)
    labels[5:25, 5:25] = 1
    labels[12:18, 12:18] = 0
    labels[14:16, 14:16] = 2
    labels[30:33, 40:43] = 1
    return labels


def test_nothing_changes_without_an_option():
    labels = picture()
    assert cleaned(labels, Cleaning()) is labels
    assert not Cleaning().does_something


@pytest.mark.parametrize(("outer", "inner"), [(1, 2), (2, 1)])
def test_holes_are_filled_but_not_over_another_structure(outer, inner):
    labels = np.array([0, outer, inner], np.uint8)[picture()]
    result = cleaned(labels, Cleaning(fill_holes=True))
    assert (result[5:25, 5:25] == outer).sum() == 400 - 4
    assert (result[14:16, 14:16] == inner).all()
    assert (result[labels > 0] == labels[labels > 0]).all()
    assert result.dtype == labels.dtype


def test_small_parts_go_and_the_largest_stays():
    labels = picture()
    assert not cleaned(labels, Cleaning(min_size=10))[28:, 35:].any()
    assert cleaned(labels, Cleaning(min_size=9))[28:, 35:].sum() == 9
    largest = cleaned(labels, Cleaning(largest_part=True))
    assert not largest[28:, 35:].any()
    assert (largest[:28] == labels[:28]).all()  # of each structure the largest part


def test_parts_that_touch_at_a_corner_are_one():
    labels = np.zeros((8, 8), np.uint8)
    labels[:4, :4] = labels[4:6, 4:6] = 1
    labels[7, 0] = 1
    assert cleaned(labels, Cleaning(largest_part=True)).sum() == 20


def test_smoothing_removes_spikes_and_keeps_the_area():
    labels = np.zeros((60, 60), np.uint8)
    labels[10:50, 10:50] = 1
    spiky = labels.copy()
    spiky[30, 50:55] = 1
    result = cleaned(spiky, Cleaning(smooth=2))
    assert not result[30, 52:].any()
    assert result.sum() == pytest.approx(1600, rel=0.03)
    assert cleaned(labels, Cleaning(smooth=20)).sum() < 1600


def test_smoothing_is_by_slice_and_parts_are_connected_between_slices():
    volume = np.zeros((6, 30, 30), np.uint8)
    volume[2, 5:25, 5:25] = 1
    assert np.flatnonzero(cleaned(volume, Cleaning(smooth=2), axis=0).any(axis=(1, 2))).tolist() == [2]
    assert cleaned(volume, Cleaning(smooth=2), axis=1).sum() == 0  # in those slices it is one pixel thin
    volume[3, 24:27, 24:27] = 1  # touches the first part at a voxel
    assert cleaned(volume, Cleaning(min_size=20), axis=0).sum() == 409
    hole = np.zeros((3, 9, 9), np.uint8)
    hole[1, 2:7, 2:7] = 1
    hole[1, 4, 4] = 0
    assert cleaned(hole, Cleaning(fill_holes=True), axis=0)[1, 4, 4] == 1


@pytest.mark.parametrize("wrong", [{"smooth": -1}, {"min_size": -1}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match="must be at least 0"):
        Cleaning(**wrong)

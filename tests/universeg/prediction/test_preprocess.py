from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universeg.imageio.image import LoadedImage
from universeg.prediction.labels import Label
from universeg.prediction.planes import nearest_slices
from universeg.prediction.preprocess import preprocess
from universeg.prediction.results import own_labels
from universeg.prediction.segmentation import Segmentation
from universeg.prediction.settings import Settings
from universeg.standardise.normalise import FlatImage

SMALL = Settings(size=32)


def blob(shape, spacing=None, shift=0):
    """A scan with a bright ellipsoid, and where it is."""
    grid = np.indices(shape)
    middle = [(n - 1) / 2 + shift for n in shape]
    away = sum(((at - m) / (n / 3)) ** 2 for at, m, n in zip(grid, middle, shape, strict=True))
    noise = np.random.default_rng(0).normal(0, 3, shape)
    return LoadedImage((100 * (away < 1) + noise).astype(np.float32), spacing or (1.0,) * len(shape)), away < 1


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def back(prepared):
    """The labels of a prepared image as a result on the image's own grid."""
    found = (prepared.labels != 0).astype(np.float32)[None]
    return own_labels(Segmentation(prepared, (Label(1, "a", (0, 0, 0)),), found, ((),) * found.shape[1])) == 1


@given(st.tuples(st.integers(20, 70), st.integers(20, 70)))
@settings(max_examples=20, deadline=None)
def test_a_mask_survives_the_way_there_and_back(shape):
    scan, mask = blob(shape)
    there = back(preprocess(scan, replace(SMALL, size=64), mask))
    assert there.shape == shape
    assert dice(there, mask) > 0.9


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_a_volume_are_its_own(axis):
    """Each is resampled only within itself: what lies in other slices does not change it."""
    scan, mask = blob((20, 30, 13), (1.0, 0.7, 0.1))
    found = preprocess(scan, replace(SMALL, axis=axis), mask)
    assert found.rows.tolist() == list(range(scan.shape[axis]))
    values = np.moveaxis(scan.values.copy(), axis, 0)
    values[:4], values[5:] = values.min(), values.max()
    alone = preprocess(replace(scan, values=np.moveaxis(values, 0, axis)), replace(SMALL, axis=axis))
    assert np.array_equal(alone.images[4], found.images[4])
    assert alone.flat[:4].all()
    middle = preprocess(scan, replace(SMALL, axis=axis, slices="mid"))
    (row,) = middle.rows
    assert abs(row - (scan.shape[axis] - 1) / 2) <= 1
    assert np.array_equal(middle.images[0], found.images[row])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_comes_back_slice_by_slice(axis):
    scan, mask = blob((20, 30, 13), (1.0, 0.7, 2.0))
    there = back(preprocess(scan, Settings(size=64, axis=axis), mask))
    assert dice(there, mask) > 0.9
    one = np.moveaxis(np.zeros_like(mask), axis, 0)
    one[5] = np.moveaxis(mask, axis, 0)[5]
    there = np.moveaxis(back(preprocess(scan, Settings(size=64, axis=axis), np.moveaxis(one, 0, axis))), axis, 0)
    assert np.flatnonzero(there.any(axis=(1, 2))).tolist() == [5]


def test_a_large_picture_is_read_in_bands_with_the_same_result(monkeypatch):
    scan, mask = blob((70, 50))
    whole = preprocess(scan, SMALL, mask)
    monkeypatch.setattr("universeg.prediction.preprocess.BAND", 500)
    bands = preprocess(scan, SMALL, mask)
    assert np.abs(whole.images.astype(int) - bands.images).max() <= 1
    assert np.array_equal(whole.labels, bands.labels)
    assert whole.digest == bands.digest


def test_support_slices_are_at_the_same_relative_height():
    tall = preprocess(blob((20, 20, 40))[0], SMALL)
    short = preprocess(blob((20, 20, 5))[0], SMALL)
    usable = np.ones(5, bool)
    rows = [nearest_slices(short, height, 1, usable)[0] for height in tall.heights]
    assert rows == sorted(rows)
    assert (rows[0], rows[-1]) == (0, 4)
    usable[1:4] = False
    assert {nearest_slices(short, height, 1, usable)[0] for height in tall.heights} == {0, 4}
    assert nearest_slices(short, 0.5, 9, np.ones(5, bool)) == [2], "the others show another part of the body"
    assert nearest_slices(short, 0.5, 3, np.array([True, False, False, True, False])) == [3, 0], "few are labelled"
    assert nearest_slices(tall, 0.5, 3, np.ones(40, bool)) == [19, 20, 18]
    assert nearest_slices(short, 0.5, 3, np.zeros(5, bool)) == []


def test_a_long_support_volume_is_thinned_out_but_keeps_marked_slices():
    scan, mask = blob((20, 20, 40))
    marks = np.zeros_like(mask)
    marks[..., 17] = True
    found = preprocess(scan, SMALL, marks, most=5)
    assert found.rows.tolist() == [0, 10, 17, 20, 29, 39]
    assert found.heights.tolist() == [(row + 0.5) / 40 for row in found.rows]


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((9, 9), np.uint8),
        np.full((9, 9), 7.0),
        np.arange(81).reshape(9, 9).astype(np.uint8) % 3,
        np.eye(200)[:1].repeat(300, 0) * 0 + np.r_[np.zeros(300 * 200 - 1), 1].reshape(300, 200),
    ],
)
def test_a_flat_image_is_an_error_that_names_it(values):
    with pytest.raises(FlatImage, match=r"x\.png"):
        preprocess(LoadedImage(values, (1.0, 1.0), "x.png"), SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"support_size": 0}, "support_size must be at least 1, got 0"),
        ({"window": (5, 1)}, "window must be LOW HIGH .* got 5 1"),
        ({"axis": 3}, "axis must be 0, 1 or 2"),
        ({"channel": "pink"}, "channel must be one of"),
        ({"label": 1, "merge_labels": True}, "not both"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


def test_the_digest_is_of_the_values_whatever_their_order_in_memory():
    values = np.random.default_rng(4).integers(0, 99, (9, 11, 21)).astype(np.int16)
    one, other = (
        preprocess(LoadedImage(order(values), (1.0, 1.0, 1.0), "v"), Settings(axis=2)).digest
        for order in (np.ascontiguousarray, np.asfortranarray)
    )
    assert one == other
    values[0, 0, 20] += 1
    assert preprocess(LoadedImage(values, (1.0, 1.0, 1.0), "v"), Settings(axis=2)).digest != one

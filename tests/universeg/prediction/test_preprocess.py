from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universeg.imageio.image import ImageError, LoadedImage
from universeg.prediction.preprocess import Settings, preprocess, support_warnings, to_image_grid, warnings_for
from universeg.standardise.normalise import FlatImage
from universeg.standardise.resample import Grid

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


@given(st.tuples(st.integers(20, 70), st.integers(20, 70)))
@settings(max_examples=20, deadline=None)
def test_a_mask_survives_the_way_there_and_back(shape):
    scan, mask = blob(shape)
    there = preprocess(scan, replace(SMALL, size=64), mask)
    back = to_image_grid(there.masks.astype(np.float32), there)
    assert back.shape == shape
    assert dice(back >= 0.5, mask) > 0.9


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_of_a_volume_are_those_of_the_whole_cube(axis):
    scan, mask = blob((20, 30, 12), (1.0, 0.7, 2.0))
    found = preprocess(scan, replace(SMALL, axis=axis, slices="all"), mask)
    grid = Grid(scan.values.shape, scan.spacing, 32)
    low, high = scan.values.min(), scan.values.max()
    cube = np.moveaxis(grid.image((scan.values - low) / (high - low), axis), axis, 0)
    assert np.abs(found.images - cube[found.rows] * 255).max() <= 0.51
    assert np.array_equal(found.masks, np.moveaxis(grid.mask(mask, axis), axis, 0)[found.rows] >= 0.5)
    middle = preprocess(scan, replace(SMALL, axis=axis), mask)
    assert middle.rows.tolist() == [16]
    assert np.array_equal(middle.images[0], found.images[found.rows.tolist().index(16)])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_comes_back_whole_or_only_its_middle(axis):
    scan, mask = blob((20, 30, 13), (1.0, 0.7, 2.0))
    every = preprocess(scan, Settings(size=64, axis=axis, slices="all"), mask)
    assert dice(to_image_grid(every.masks.astype(np.float32), every) >= 0.5, mask) > 0.85
    middle = preprocess(scan, Settings(size=64, axis=axis), mask)
    back = np.moveaxis(to_image_grid(middle.masks.astype(np.float32), middle), axis, 0)
    (at,) = np.flatnonzero(back.any(axis=(1, 2)))
    others = np.moveaxis(mask.copy(), axis, 0)
    others[at] = False
    unseen = preprocess(scan, Settings(size=64, axis=axis), np.moveaxis(others, 0, axis))
    assert not unseen.masks.any(), "it goes back to the slice that the network saw"
    assert dice(back[at] >= 0.5, np.moveaxis(mask, axis, 0)[at]) > 0.9


def test_support_slices_are_at_the_same_relative_height():
    tall = preprocess(blob((20, 20, 40))[0], replace(SMALL, slices="all"))
    short = preprocess(blob((20, 20, 5))[0], replace(SMALL, slices="all"))
    rows = [short.slice_at_height(tall, row) for row in range(len(tall.images))]
    assert rows == sorted(rows)
    assert (rows[0], rows[-1]) == (0, len(short.images) - 1)
    assert [tall.slice_at_height(tall, row) for row in range(32)] == list(range(32))


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


def test_doubts_in_plain_words():
    scan, mask = blob((40, 40))
    support = [preprocess(blob((40, 40), shift=k)[0], SMALL, mask) for k in (1, 2, 3)]
    query = preprocess(scan, SMALL)
    assert warnings_for(query, support) == []
    assert "also in the support set" in warnings_for(preprocess(blob((40, 40), shift=2)[0], SMALL), support)[0]
    inverted = preprocess(replace(scan, values=-scan.values), SMALL)
    assert "contrast looks inverted" in warnings_for(inverted, support)[0]
    twin = preprocess(LoadedImage(mask * np.uint8(255), (1.0, 1.0)), SMALL)
    assert "check that it is not a mask" in warnings_for(twin, support)[0]


def test_doubts_about_the_support():
    scan, mask = blob((40, 40))
    good, empty = (preprocess(scan, SMALL, found) for found in (mask, mask & False))
    assert support_warnings([good]) == []
    assert "1 of 2 support masks are empty" in support_warnings([good, empty])[0]
    with pytest.raises(ImageError, match="all support masks are empty"):
        support_warnings([empty, empty])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"support_size": 0}, "support_size must be at least 1, got 0"),
        ({"window": (5, 1)}, "window must be LOW HIGH .* got 5 1"),
        ({"axis": 3}, "axis must be 0, 1 or 2"),
    ],
)
def test_impossible_settings(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)

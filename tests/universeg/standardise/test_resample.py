"""Resampling to the standard grid."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from universeg.base.rng import rng_for
from universeg.standardise.resample import Grid, cut, quantised

shapes = st.lists(st.integers(1, 40), min_size=2, max_size=3).map(tuple)
spacings = st.lists(st.floats(0.2, 8), min_size=3, max_size=3)


@st.composite
def grids(draw):
    shape = draw(shapes)
    return Grid(
        shape,
        tuple(draw(spacings)[: len(shape)]),
        draw(st.sampled_from([16, 32, 48])),
        draw(st.sampled_from(["isotropic", "stretch"])),
    )


@settings(max_examples=40, deadline=None)
@given(grids())
def test_a_mask_keeps_its_area(grid):
    inside = rng_for("area", *grid.shape).random(grid.shape) < 0.3
    if grid.geometry == "isotropic":  # an enlarged scan: half of each outermost sample is outside the result
        inside &= np.pad(
            np.ones([max(0, n - 2) for n in grid.shape], bool),
            [(min(1, n // 2), n - max(0, n - 2) - min(1, n // 2)) for n in grid.shape],
        )
    coverage = grid.mask(inside)
    assert coverage.min() >= 0
    assert coverage.max() <= 1 + 1e-6
    assert coverage.sum() * np.prod(grid.pixel) == pytest.approx(inside.sum(), rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(grids())
def test_a_constant_image_stays_in_range_and_keeps_its_sum(grid):
    ones = grid.image(np.ones(grid.shape))
    assert ones.shape == (grid.size,) * len(grid.shape)
    assert ones.max() <= 1 + 1e-5
    if grid.geometry == "stretch":
        assert ones.sum() * np.prod(grid.pixel) == pytest.approx(np.prod(grid.shape), rel=1e-3)


def test_isotropic_pads_the_short_sides_evenly():
    ones = Grid((10, 20), (2.0, 0.5), 40).image(np.ones((10, 20)))  # 20 mm by 10 mm
    assert np.all(ones[:, 10:30] > 0.999)
    assert np.all(ones[:, :10] == 0)
    assert np.all(ones[:, 30:] == 0)


def test_stretch_fills_both_sides():
    assert Grid((10, 20), (2.0, 0.5), 40, "stretch").image(np.ones((10, 20))).min() > 0.999


def test_coverage_is_the_fraction_of_the_pixel():
    inside = np.zeros((8, 8), bool)
    inside[1:4, 2:4] = True
    np.testing.assert_allclose(Grid((8, 8), (1, 1), 4).mask(inside)[:2, :3], [[0, 0.5, 0], [0, 1, 0]], atol=1e-6)


def test_upsampling_is_linear_inside():
    grid = Grid((16, 16), (1, 1), 64)
    ramp = np.add.outer(np.arange(16.0), np.zeros(16))
    rows = grid.image(ramp)[:, 32]
    np.testing.assert_allclose(np.diff(rows[6:-6]), 15 / 63, atol=1e-4)


@pytest.mark.parametrize("geometry", ["isotropic", "stretch"])
def test_nothing_changes_at_equal_size(geometry):
    values = rng_for("same").random((24, 24)).astype(np.float32)
    np.testing.assert_allclose(Grid((24, 24), (0.7, 0.7), 24, geometry).image(values), values, atol=1e-6)


def test_shrinking_averages_areas():
    values = rng_for("areas").random((24, 24)).astype(np.float32)
    means = values.reshape(8, 3, 8, 3).mean((1, 3))
    np.testing.assert_allclose(Grid((24, 24), (1, 1), 8).image(values), means, atol=1e-6)


def test_back_returns_to_the_grid_of_the_scan():
    grid = Grid((30, 50), (1.5, 1), 64)
    inside = np.zeros((30, 50), bool)
    inside[8:22, 10:40] = True
    again = grid.back(grid.mask(inside)) >= 0.5
    assert again.shape == inside.shape
    assert (again != inside).mean() < 0.01


def test_cut_equals_slices_of_the_whole_result():
    values = rng_for("cut").random((20, 18, 9))
    grid = Grid(values.shape, (1, 1, 3), 16)
    for axis in range(3):
        whole = quantised(grid.image(values, axis))
        slices = cut(values, grid.image_weights_along(axis), axis, [8, 3])
        assert np.abs(slices.astype(int) - np.moveaxis(whole, axis, 0)[[8, 3]]).max() <= 1, "up to rounding"
    flat = Grid(values.shape[:2], (1, 1), 16)
    np.testing.assert_array_equal(
        cut(values[..., 0], flat.image_weights, None, [0]), quantised(flat.image(values[..., 0]))[None]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (0, 3)}, "a grid needs samples"),
        ({"spacing": (1, 0)}, "a positive spacing on each axis"),
        ({"spacing": (1, 1, 1)}, "a positive spacing on each axis"),
        ({"geometry": "fisheye"}, "unknown geometry 'fisheye'; known: isotropic, stretch"),
    ],
)
def test_a_wrong_grid_is_rejected(change, message):
    with pytest.raises(ValueError, match=message):
        Grid(**{"shape": (2, 2), "spacing": (1, 1), "size": 8, "geometry": "isotropic", **change})


@pytest.mark.parametrize("shape", [(20, 20, 20), (20, 19, 17), (21, 20, 18)])
def test_a_volume_is_padded_to_a_cube_by_whole_voxels(shape):
    """As in the original builder: half of the difference, rounded down, before; the rest after."""
    result = Grid(shape, (1.0, 1.0, 1.0), shape[0]).image(np.ones(shape))
    before = [(shape[0] - n) // 2 for n in shape]
    expected = np.zeros((shape[0],) * 3)
    expected[tuple(slice(first, first + n) for first, n in zip(before, shape, strict=True))] = 1
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize(("slices", "middle"), [(9, 4), (10, 4)])
def test_the_middle_of_thick_slices_is_one_slice_and_not_a_mixture(slices, middle):
    """With an even number of slices it is the lower of the two middle ones, as in the original builder."""
    grid = Grid((200, 200, slices), (1.5, 1.5, 8.0), 128)
    for weights in (grid.image_weights_along(2), grid.mask_weights_along(2)):
        assert np.array_equal(weights[2][grid.middle], np.arange(slices) == middle)


@settings(max_examples=100, deadline=None)
@given(grids())
@example(Grid((1, 1), (0.2, 0.2 + 1e-16), 16))
@example(Grid((1, 1), (0.2, 0.2001), 128))
def test_slices_along_a_coarse_axis_are_slices_of_the_scan(grid):
    for axis, (weights, extent) in enumerate(zip(grid.slice_weights, grid.pixel, strict=True)):
        if extent > 1.001:  # finer than the pixels: the mean over their extent
            assert np.array_equal(weights, grid.mask_weights[axis])
        elif extent < 0.999:
            sources = weights.argmax(axis=1)[weights.any(axis=1)]
            assert set(weights.ravel()) <= {0, 1}
            assert weights.sum(axis=1).max() == 1, "each slice is one sample"
            assert np.array_equal(np.unique(sources), np.arange(grid.shape[axis])), "each sample is a slice"
            assert (np.diff(sources) >= 0).all()


def test_a_slice_between_two_samples_is_the_lower_one():
    """The centre of pixel 2 of 5 is the border of two samples."""
    grid = Grid((2, 2, 2), (1.0, 1.0, 1.0), 5, "stretch")
    assert grid.slice_weights[2].argmax(axis=1).tolist() == [0, 0, 0, 1, 1]


def test_slices_of_equal_thickness_are_not_mixed_by_rounding():
    """The pixel is 1.0000000000000002 samples."""
    grid = Grid((13, 13, 13), (1.3, 1.3, 1.3), 13)
    assert grid.pixel[2] > 1, "the case that this test is about"
    assert set(grid.slice_weights[2].ravel()) == {0, 1}


@pytest.mark.parametrize("thickness", [2.1, 2.5, 6.0, 40.0])
def test_the_only_slice_of_a_volume_is_its_middle(thickness):
    """It is shorter than a pixel and a half, so that the middle pixel's centre lies outside it."""
    grid = Grid((256, 256, 1), (1.0, 1.0, thickness), 128)
    assert grid.slice_weights[2][grid.middle].tolist() == [1]

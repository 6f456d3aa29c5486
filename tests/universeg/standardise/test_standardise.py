import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from universeg.imageio.nifti_affine import placed

from universeg.base.rng import rng_for
from universeg.standardise.normalise import INTENSITY, FlatImage, limits, luminance, normalised, scaled
from universeg.standardise.resample import Grid

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
    if grid.geometry == "isotropic":  # of an enlarged scan half of the outermost samples is beyond the result
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
def test_an_image_stays_in_range_and_outside_is_zero(grid):
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


def test_coverage_is_the_share_of_the_pixel():
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


def test_back_returns_to_the_scan_s_own_grid():
    grid = Grid((30, 50), (1.5, 1), 64)
    inside = np.zeros((30, 50), bool)
    inside[8:22, 10:40] = True
    again = grid.back(grid.mask(inside)) >= 0.5
    assert again.shape == inside.shape
    assert (again != inside).mean() < 0.01


@pytest.mark.parametrize("bad", [dict(shape=(0, 3)), dict(spacing=(1, 0)), dict(geometry="fisheye")])
def test_a_grid_that_cannot_be(bad):
    with pytest.raises(ValueError, match=r"grid needs|unknown geometry"):
        Grid(**{"shape": (2, 2), "spacing": (1, 1), "size": 8, "geometry": "isotropic", **bad})


def test_ct_clips_to_the_paper_s_window():
    values = np.array([-2000, -500, 250, 1000, 3000])
    np.testing.assert_allclose(normalised(values, "ct"), [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(normalised(values, "ct", (-500, 500)), [0, 0, 0.75, 1, 1], atol=1e-6)


def test_mr_takes_percentiles_of_what_is_not_zero():
    values = np.concatenate([np.zeros(1000), np.arange(1, 1002)])
    out = normalised(values, "mr")
    low, high = np.percentile(np.arange(1, 1002), (0.5, 99.5))
    assert out[0] == 0
    assert out[1500] == pytest.approx((values[1500] - low) / (high - low), abs=1e-4)
    assert (out == 1).sum() == 6


def test_unit_does_not_clip():
    np.testing.assert_allclose(normalised(np.array([2, 4, 6], np.int16), "unit"), [0, 0.5, 1])


@pytest.mark.parametrize("rule", INTENSITY)
def test_a_flat_image_is_an_error(rule):
    with pytest.raises(FlatImage, match="all intensities are"):
        normalised(np.full((4, 4), 0), rule)


def test_luminance():
    assert luminance(np.array([[[255, 255, 255]]]))[0, 0] == pytest.approx(255)
    assert luminance(np.array([[[0, 255, 0, 9]]]))[0, 0] == pytest.approx(0.587 * 255)
    assert luminance(np.array([[[7, 0]]]))[0, 0] == 7
    with pytest.raises(ValueError, match="1 to 4"):
        luminance(np.zeros((2, 2, 5)))


@pytest.mark.parametrize("sizes", [(2, 3), (2, 3, 4), (2, 3, 4, 7)])
def test_sizes_count_where_the_affine_has_steps_of_one(sizes):
    lead = np.diag([-1.0, 1.0, 1.0, 1.0])
    lead[:3, 3] = 5
    expected = lead @ np.diag([*sizes[:3], *[1] * (4 - len(sizes[:3]))])
    np.testing.assert_array_equal(placed(lead, sizes), expected)


@pytest.mark.parametrize("sizes", [(0, 2, 2), (-1, 2, 2), (np.nan, 2, 2)])
def test_nonsense_sizes_do_not_count(sizes):
    np.testing.assert_array_equal(placed(np.eye(4), sizes), np.eye(4))


def test_an_affine_with_steps_of_its_own_is_believed():
    np.testing.assert_array_equal(placed(np.diag([2, 2, 2, 1]), (1, 3, 4)), np.diag([2, 2, 2, 1]))


@pytest.mark.parametrize("shape", [(20, 20, 20), (20, 19, 17), (21, 20, 18)])
def test_a_cube_is_padded_by_whole_voxels_less_before_than_after(shape):
    """As the original builder's: floor of half the difference before, the rest after."""
    result = Grid(shape, (1.0, 1.0, 1.0), shape[0]).image(np.ones(shape))
    before = [(shape[0] - n) // 2 for n in shape]
    expected = np.zeros((shape[0],) * 3)
    expected[tuple(slice(first, first + n) for first, n in zip(before, shape, strict=True))] = 1
    np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize(("slices", "middle"), [(9, 4), (10, 4)])
def test_the_middle_of_thick_slices_is_a_slice_and_not_a_mixture(slices, middle):
    """Of an even number the lower of the two middle ones; which the original builder keeps is worth half a slice."""
    grid = Grid((200, 200, slices), (1.5, 1.5, 8.0), 128)
    weights = grid.image_weights[2][grid.middle]
    assert weights[middle] > 0.7


@pytest.mark.parametrize("rule", INTENSITY)
def test_a_part_is_scaled_as_the_whole(rule):
    values = rng_for("part").normal(100, 400, (12, 14, 10)).astype(np.int16)
    ends = limits(values, rule)
    np.testing.assert_array_equal(scaled(values[:, 3:5], ends), normalised(values, rule)[:, 3:5])

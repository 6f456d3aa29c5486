"""Intensities to [0, 1]."""

import numpy as np
import pytest

from universeg.base.rng import rng_for
from universeg.standardise.normalise import INTENSITY, FlatImage, limits, luminance, normalised, scaled


def test_ct_clips_to_the_window_of_the_paper():
    values = np.array([-2000, -500, 250, 1000, 3000])
    np.testing.assert_allclose(normalised(values, "ct"), [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(normalised(values, "ct", (-500, 500)), [0, 0, 0.75, 1, 1], atol=1e-6)


def test_mr_takes_percentiles_of_the_voxels_that_are_not_zero():
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


def test_luminance_of_grey_and_colours_ignores_alpha():
    assert luminance(np.array([[[255, 255, 255]]]))[0, 0] == pytest.approx(255)
    assert luminance(np.array([[[0, 255, 0, 9]]]))[0, 0] == pytest.approx(0.587 * 255)
    assert luminance(np.array([[[7, 0]]]))[0, 0] == 7
    with pytest.raises(ValueError, match="1 to 4"):
        luminance(np.zeros((2, 2, 5)))


@pytest.mark.parametrize("rule", INTENSITY)
def test_a_part_is_scaled_as_in_the_whole(rule):
    values = rng_for("part").normal(100, 400, (12, 14, 10)).astype(np.int16)
    ends = limits(values, rule)
    np.testing.assert_array_equal(scaled(values[:, 3:5], ends), normalised(values, rule)[:, 3:5])

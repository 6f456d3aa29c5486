"""Slices on the page and masks of files are the same pixels."""

import numpy as np
import pytest
from page_folders import session_of, write_volume
from PIL import Image

from universeg.app import view as views
from universeg.app.view import View
from universeg.imageio.image import LoadedImage

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_masks_of_a_volume_come_back_to_the_same_voxels(axis):
    values = RNG.integers(0, 3, (5, 6, 7)).astype(np.uint8)
    view = View(LoadedImage(values, (1.0, 2.0, 4.0)), axis)
    slices = view.slices_of(values)
    assert slices[0].shape == view.shape
    np.testing.assert_array_equal(view.own_map(slices), values)
    high, wide = (step for k, step in enumerate((1.0, 2.0, 4.0)) if k != axis)
    assert view.spacing == (wide, high), "rows go up the second axis"


def test_a_slice_is_shown_with_the_head_or_the_front_up():
    values = np.zeros((4, 5, 6), np.int16)
    values[0, 4, 2] = 100  # left, front
    view = View(LoadedImage(values, (1.0, 1.0, 1.0)), 2)
    assert view.directions == "RLPA"
    row, column = np.argwhere(view.pixels(2))[0]
    assert (row, column) == (0, 3), "front up, the patient's left at the right"


def test_a_large_picture_is_reduced_and_its_mask_enlarged(monkeypatch):
    monkeypatch.setattr(views, "FINEST", 10)
    view = View(LoadedImage(RNG.integers(0, 255, (25, 17)).astype(np.uint8), (1.0, 1.0)), None)
    assert (view.step, view.shape) == (3, (9, 6))
    assert view.pixels(0).shape == (9, 6)
    mask = np.zeros(view.shape, np.uint8)
    mask[2, 5] = 4
    own = view.own_map({0: mask})
    assert own.shape == (25, 17)
    assert np.argwhere(own).tolist() == [[y, x] for y in (6, 7, 8) for x in (15, 16)]


def test_pixels_have_the_whole_range(tmp_path):
    Image.fromarray(np.array([[100, 1100], [600, 100]], np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(RNG.integers(0, 255, (4, 5, 3)).astype(np.uint8)).save(tmp_path / "colour.png")
    session = session_of(tmp_path)
    deep, colour = session.view("deep"), session.view("colour")
    assert deep.ends == (100, 1100)
    assert deep.pixels(0).tolist() == [[0, 65535], [32768, 0]]
    assert colour.coloured
    np.testing.assert_array_equal(colour.pixels(0), np.array(Image.open(tmp_path / "colour.png")))


def test_a_turned_volume_is_upright(tmp_path):
    affine = np.diag([-1.0, 1.0, 3.0, 1.0])
    ball = write_volume(tmp_path / "v.nii.gz", affine=affine)
    view = session_of(tmp_path).view("v")
    np.testing.assert_array_equal(view.pixels(6) > 40000, np.fliplr(np.rot90(ball[::-1, :, 6])))


def test_the_channel_is_not_noted_since_the_page_shows_it(tmp_path):
    Image.fromarray(RNG.integers(0, 255, (20, 30, 3)).astype(np.uint8)).save(tmp_path / "a.png")
    view = session_of(tmp_path).view("a")
    assert view.coloured
    assert [view.grey(channel).notes for channel in ("luminance", "red")] == [(), ()]

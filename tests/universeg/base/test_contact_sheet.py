"""Outlines, heat maps and contact sheets."""

import numpy as np
import pytest

from universeg.base.contact_sheet import COLOURS, Panel, heat, outlined, sheet

GREY = np.full((64, 32), 128, np.uint8)


def disc(shape=(64, 32), radius=10):
    rows, columns = np.indices(shape)
    return np.hypot(rows - shape[0] // 2, columns - shape[1] // 2) < radius


def near(picture, colour):
    return np.abs(np.asarray(picture, int) - colour).sum(-1) < 60


def test_the_longer_side_has_the_requested_length_and_the_shape_is_kept():
    assert outlined(GREY, {}, 256).size == (128, 256)
    assert outlined(GREY.T, {}, 100).size == (100, 50)
    assert heat(GREY, np.zeros(GREY.shape), 96).size == (48, 96)


def test_an_outline_follows_the_edge_and_does_not_fill_the_inside():
    mask = disc()
    line = near(outlined(GREY, {"disc": mask}, 256), COLOURS[0])
    rows, columns = np.nonzero(line)
    radius = np.hypot(rows / 4 - 32, columns / 4 - 16)
    assert len(rows) > 100
    assert abs(radius.mean() - 10) < 0.8
    assert radius.std() < 0.6
    assert not line[128, 64]


def test_the_nth_mask_has_the_nth_colour_and_colours_start_again():
    masks = {str(n): np.zeros(GREY.shape, bool) for n in range(len(COLOURS) + 1)}
    masks["1"] = disc()
    assert near(outlined(GREY, masks), COLOURS[1]).any()
    assert not near(outlined(GREY, masks), COLOURS[0]).any()
    again = {**masks, "1": masks["0"], str(len(COLOURS)): disc()}
    assert near(outlined(GREY, again), COLOURS[0]).any()


def test_a_thin_line_in_a_large_image_stays_visible():
    large = np.zeros((1000, 1000), np.uint8)
    line = np.zeros(large.shape, bool)
    line[:, 499:501] = True
    assert (np.asarray(outlined(large, {"vessel": line}, 250)).max(axis=(1, 2)) > 150).all()


def test_a_heat_map_is_transparent_at_zero_and_gets_brighter():
    assert (np.asarray(heat(GREY, np.zeros(GREY.shape), 64)) == 128).all()
    ramp = np.repeat(np.linspace(0.4, 1, 32)[None], 64, axis=0)
    brightness = np.asarray(heat(GREY, ramp, 64), float)[32].sum(-1)
    assert (np.diff(brightness) >= 0).mean() > 0.95


def test_wrong_shapes_types_and_empty_sheets_are_rejected():
    with pytest.raises(ValueError, match=r"liver has shape \(3, 3\), but its image has \(64, 32\)"):
        outlined(GREY, {"liver": np.zeros((3, 3), bool)})
    with pytest.raises(ValueError, match="expected a grey uint8 image"):
        outlined(GREY.astype(np.float32), {})
    with pytest.raises(ValueError, match="at least one panel"):
        sheet([[], []], "title")


def test_rows_of_a_sheet_may_differ_in_length():
    panel = Panel(outlined(GREY, {"disc": disc()}), "a caption that is longer than its image is wide, by far")
    small, large = sheet([[panel]]), sheet([[panel, panel, panel], [], [panel]], "title", ["left", "right"])
    assert large.width > small.width
    assert large.height > 2 * 256
    assert large.getpixel((2, 2)) == large.getpixel((large.width - 3, large.height - 3)) == (255, 255, 255)
    assert near(large, COLOURS[1]).any(), "the legend's second colour"


def test_captions_may_have_no_spaces_and_any_script():
    panel = Panel(outlined(GREY, {}, 64), "x" * 300)
    assert sheet([[panel], [Panel(panel.image, "扫描 42 — Größe")]], "t" * 300, ["l" * 300]).width < 600

import numpy as np
import pytest

from universeg.prediction.check.mask_shape import Coverage, filled, is_outline

ROWS, COLUMNS = np.indices((120, 160))
AWAY = np.hypot(ROWS - 60, COLUMNS - 80)
DISC = AWAY < 40


def grid():
    """Vessels that cross: filled they are much larger, and they lie everywhere."""
    mask = np.zeros((120, 160), bool)
    mask[10:110:16, 10:150] = mask[10:110, 10:150:16] = True
    return mask


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_drawn_line_is_an_outline(width):
    line = DISC & (40 - width <= AWAY)
    assert is_outline(line)
    assert np.array_equal(filled(line), DISC)


def test_outlines_of_several_cells():
    near = np.hypot(ROWS % 40 - 20, COLUMNS % 40 - 20)
    assert is_outline((near < 16) & (near >= 14))


@pytest.mark.parametrize(
    "mask",
    [
        DISC,
        DISC & (AWAY >= 28),
        DISC & (np.hypot(ROWS - 60, COLUMNS - 88) >= 30),
        grid(),
        np.zeros((9, 9), bool),
        np.eye(80, dtype=bool),
        ROWS < 50,
    ],
    ids=["disc", "ring", "eccentric ring", "vessels", "empty", "open line", "half"],
)
def test_structures_are_not_outlines(mask):
    assert not is_outline(mask)


def test_an_inverted_mask_marks_most_of_the_image_and_its_border():
    region = np.ones(DISC.shape, bool)
    assert Coverage.of(~DISC, region).looks_inverted
    assert not Coverage.of(DISC, region).looks_inverted
    assert not Coverage.of(ROWS > 20, region).looks_inverted, "a large structure leaves a part of the border"


def test_padding_is_not_part_of_the_image():
    region = (COLUMNS >= 30) & (COLUMNS < 130)
    assert Coverage.of(~DISC & region, region).border == 1
    assert Coverage.of(DISC, region).share == pytest.approx(DISC.sum() / region.sum())

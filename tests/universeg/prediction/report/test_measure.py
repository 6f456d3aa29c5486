import numpy as np
import pytest

from universeg.imageio.image import LoadedImage
from universeg.prediction.measure import measured


def scan(shape, spacing):
    return LoadedImage(np.zeros(shape, np.uint8), spacing)


def test_pictures_with_and_without_a_scale():
    numbers = np.zeros((20, 30), np.uint8)
    numbers[2:4, 2:6] = 1
    numbers[10, 10] = numbers[11, 11] = 1  # touch at a corner
    numbers[18, 20:25] = 2
    first, second = measured([numbers], scan((20, 30), (1.0, 1.0)), ["a", "b"])
    assert (first.pixels, first.parts, first.area_mm2, first.volume_ml, first.size) == (10, 2, None, None, "10 px")
    assert (second.structure, second.pixels, second.parts) == ("b", 5, 1)
    (scaled, _) = measured([numbers], scan((20, 30), (0.5, 2.5)), ["a", "b"])
    assert scaled.area_mm2 == pytest.approx(12.5)
    assert scaled.size == "12.5 mm²"


def test_volumes_in_millilitres_with_their_slices():
    numbers = np.zeros((10, 10, 6), np.uint8)
    numbers[2:7, 2:6, 1:4] = 1
    (found,) = measured([numbers], scan((10, 10, 6), (1.0, 2.0, 5.0)), ["a"], axis=2)
    assert found.volume_ml == pytest.approx(60 * 10 / 1000)
    assert (found.slices, found.parts, found.area_mm2, found.size) == (3, 1, None, "0.6 ml")
    (other,) = measured([numbers], scan((10, 10, 6), (1.0, 2.0, 5.0)), ["a"], axis=0)
    assert other.slices == 5


def test_frames_are_counted_and_nothing_is_zero():
    empty = np.zeros((5, 5), np.uint8)
    found = measured([empty, empty + 1], scan((5, 5), (1.0, 1.0)), ["a"])
    assert [(one.frame, one.pixels, one.parts) for one in found] == [(0, 0, 0), (1, 25, 1)]

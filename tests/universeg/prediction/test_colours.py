import numpy as np
import pytest

from universeg.imageio.image import LoadedImage
from universeg.prediction.colours import in_grey
from universeg.prediction.preprocess import preprocess
from universeg.prediction.settings import Settings


def test_the_tint_of_a_colour_picture_reaches_the_checks():
    values = np.random.default_rng(0).integers(0, 200, (900, 700, 3)).astype(np.uint8)
    values[..., 2] = 0
    image = in_grey(LoadedImage(values, (1.0, 1.0)), "luminance")
    assert image.tint == pytest.approx((0.5, 0), abs=0.01)
    assert preprocess(image, Settings(size=64)).tint == image.tint
    grey = np.repeat(values[..., :1], 3, axis=2)
    assert in_grey(LoadedImage(grey, (1.0, 1.0)), "luminance").tint is None
    black = np.zeros_like(values)
    black[0, 0, 0] = 1
    assert in_grey(LoadedImage(black, (1.0, 1.0)), "luminance").tint is not None

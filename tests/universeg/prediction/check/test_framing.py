"""What an image covers against the examples: proportions, grey levels, millimetres."""

import numpy as np
import pytest

from universeg.imageio.image import LoadedImage
from universeg.prediction.check.framing import framing_findings, framing_of_examples
from universeg.prediction.preprocess import preprocess
from universeg.prediction.settings import Settings

RNG = np.random.default_rng(2)


def prepared(shape=(40, 60), spacing=None, spoil=lambda values: None):
    values = RNG.normal(100, 20, shape).clip(1, 250).astype(np.float32)
    spoil(values)
    scan = LoadedImage(values, spacing or (1.0,) * len(shape), f"folder/{shape[0]}.png")
    return preprocess(scan, Settings(size=64))


def hot(values):
    values[3, 3] = 5000


def test_images_alike_say_nothing():
    images = [prepared((height, 60)) for height in (36, 40, 50, 60)]
    assert framing_of_examples(images) == []
    assert framing_findings("", prepared((60, 40)), images) == []


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((40, 2000), "its width is 50 times the height, so the network sees it as a narrow strip; cut it into parts"),
        ((40, 320), "its width is 8.0 times the height, and of the examples 1.5 times the height; cut it into parts"),
        ((200, 40), "its height is 5.0 times the width, and of the examples 1.5 times the height; cut it into parts"),
    ],
)
def test_other_proportions(shape, words):
    (finding,) = framing_findings("", prepared(shape), [prepared() for _ in range(3)])
    assert str(finding).startswith(words)


def test_a_hot_pixel_that_takes_the_grey_levels():
    images = [prepared() for _ in range(3)]
    (finding,) = framing_findings("", prepared(spoil=hot), images)
    assert "of the grey levels, perhaps because of a few extreme pixels; use --intensity mr" in str(finding)
    (finding,) = framing_of_examples([*images, prepared((41, 60), spoil=hot)])
    assert finding.says.startswith("41.png: nearly all of it is within ")
    (finding,) = framing_of_examples([prepared(spoil=hot) for _ in range(3)])
    assert finding.says.endswith("(3 examples are like this)")
    assert framing_findings("", prepared(spoil=hot), [prepared(spoil=hot) for _ in range(3)]) == []


def test_volumes_of_another_extent():
    volumes = [prepared((20, 24, depth)) for depth in (10, 12, 14)]
    assert framing_findings("", prepared((24, 20, 12)), volumes) == []
    (finding,) = framing_findings("", prepared((20, 24, 12), (2.0, 2.0, 2.0)), volumes)
    assert str(finding).startswith("it is 40 x 48 x 24 mm large, and the examples are 20 x 24 x 12 mm; crop it")
    assert framing_findings("", prepared((20, 24, 12), (2.0, 2.0, 2.0)), volumes[:1]) == [], "one says little"
    assert framing_findings("", prepared((20, 24, 5)), volumes), "slices are matched by their relative height"
    assert framing_findings("", prepared((20, 24, 12)), [prepared()] * 3) == [], "pictures are another kind"

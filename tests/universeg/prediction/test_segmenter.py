import numpy as np
import pytest
import torch

from universeg.imageio.image import LoadedImage
from universeg.prediction.examples import load_examples
from universeg.prediction.preprocess import preprocess
from universeg.prediction.segmentation import winners
from universeg.prediction.segmenter import Segmenter
from universeg.prediction.settings import Settings

RNG = np.random.default_rng(2)
SMALL = Settings(size=16)
MASK = np.zeros((20, 20), np.uint8)
MASK[4:12, 4:10], MASK[4:12, 10:16] = 3, 9


def task(count=3, settings=SMALL, masks=None):
    images = [RNG.integers(0, 255, (20, 20), np.uint8) for _ in range(count + 1)]
    examples = load_examples(images[1:], masks or [MASK] * count, settings)
    return examples, preprocess(LoadedImage(images[0], (1.0, 1.0)), settings)


class Even(torch.nn.Module):
    """Every pixel is as probable inside as outside."""

    def forward(self, query, support_images, support_masks):
        self.seen = support_images
        return torch.zeros_like(query)


def test_structures_compete_with_each_other_and_the_outside():
    examples, query = task()
    found = Segmenter(Even(), examples, SMALL).segment(query)
    assert found.probability.shape == (2, 1, 16, 16)
    np.testing.assert_allclose(found.probability, 1 / 3, rtol=1e-6)
    one, query = task(settings=Settings(size=16, label=9))
    assert (Segmenter(Even(), one, SMALL).segment(query).probability == 0.5).all()


def test_a_structure_that_no_example_shows_is_nowhere():
    one = np.where(MASK == 3, 3, 0).astype(np.uint8)
    examples, query = task(masks=[MASK, one, one])
    found = Segmenter(Even(), examples, SMALL).segment(query, without={0})
    np.testing.assert_allclose(found.probability[0], 0.5)
    assert not found.probability[1].any()


def test_examples_can_be_left_out():
    examples, query = task(4)
    network = Even()
    found = Segmenter(network, examples, SMALL).segment(query, without={1, 2})
    assert network.seen.shape[1] == 2
    assert found.shown == (((0, 0), (3, 0)),)


@pytest.mark.parametrize(("chances", "expected"), [([0.5], 1), ([0.49], 0), ([0.3, 0.4], 2), ([0.2, 0.3], 0)])
def test_the_most_probable_structure_wins(chances, expected):
    assert winners(np.array(chances, np.float32)[:, None]).tolist() == [expected]


def test_what_was_decided_about_a_mask_is_told_of_the_mask():
    mask = LoadedImage(MASK, (1.0, 1.0), notes=("odd",))
    examples, _ = task(masks=[mask, MASK, MASK])
    assert [image.notes for image in examples.images] == [("its mask: odd",), (), ()]


def test_a_mask_that_covers_part_of_its_volume_is_0_elsewhere():
    """As a DICOM segmentation object, which has no frames where a structure is absent."""
    image = LoadedImage(RNG.random((8, 8, 6)), (1.0, 1.0, 2.0), affine=np.diag([1.0, 1, 2, 1]))
    place = np.diag([1.0, 1, 2, 1])
    place[2, 3] = 4
    part = LoadedImage(np.ones((8, 8, 2), np.uint8), (1.0, 1.0, 2.0), affine=place, is_part=True)
    (found,) = load_examples([image], [part], Settings(size=8, axis=2)).images
    assert [bool(plane.any()) for plane in found.labels] == [False, False, True, True, False, False]


@pytest.mark.parametrize("shape", [(400, 1), (1, 400)])
def test_a_strip_narrower_than_a_pixel_of_the_network_lies_somewhere(shape):
    image = preprocess(LoadedImage(RNG.random(shape), (1.0, 1.0)), SMALL)
    assert image.region.any()

"""Scoring the dev episodes."""

from functools import partial

import numpy as np
from torch import nn

from universeg.base.device import Compute
from universeg.episodes.dice import Score, dice
from universeg.episodes.episode import Batch, LoadedEpisode
from universeg.store import Task
from universeg.training.validation import validate

TASK = "D/g/m/a/0"


class Copy(nn.Module):
    """The probability of a pixel is the intensity of the query."""

    def forward(self, target_image, support_images, support_labels):
        return target_image.logit(1e-4)


def episode(name):
    rng = np.random.default_rng(int(name))
    images = rng.integers(0, 256, (1, 3, 1, 16, 16), dtype=np.uint8)
    masks = rng.integers(0, 2, (1, 3, 1, 16, 16), dtype=np.uint8)
    return LoadedEpisode(TASK, name, Batch(images, masks))


def test_each_episode_is_scored_with_a_threshold_of_one_half():
    names = ["1", "2"]
    found = list(validate(Copy(), [partial(episode, name) for name in names], Compute.chosen("cpu")))
    assert len(found) == 2
    for name, (score, loaded, mask) in zip(names, found, strict=True):
        image, ground_truth = loaded.pixels.query[0, 0], loaded.pixels.query_mask[0, 0] > 0
        np.testing.assert_array_equal(loaded.pixels.images, episode(name).pixels.images)
        np.testing.assert_array_equal(mask, image > 0.5 * 255)
        assert score == Score(Task.parse(TASK), name, dice(mask, ground_truth))

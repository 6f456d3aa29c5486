"""How far rules without any notion of shape solve a task; and the training mix has enough tasks that need shape."""

import numpy as np
import pytest

from universeg.base.rng import rng_for
from universeg.synth import fresh_episode
from universeg.synth.shortcuts import NEIGHBOURHOOD, SUPPORT, neighbourhood_mean, shortcuts

COUNT, SIDE = SUPPORT + 4, 32


def discs(fixed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Noise images and disc masks, at one place or at another place in each image."""
    rng = rng_for("discs", fixed)
    rows, columns = np.indices((SIDE, SIDE))
    places = rng.integers(6, SIDE - 6, (COUNT, 2))
    if fixed:
        places[:] = SIDE // 2
    masks = np.stack([(rows - r) ** 2 + (columns - c) ** 2 < 25 for r, c in places])
    return rng.integers(0, 200, masks.shape).astype(np.uint8), masks


def test_position_solves_what_is_always_in_the_same_place():
    found = shortcuts(*discs(fixed=True))
    assert found.position == 100
    assert found.grey < 40


def test_grey_solves_what_is_bright():
    images, masks = discs(fixed=False)
    found = shortcuts(np.where(masks, 230, images).astype(np.uint8), masks)
    assert found.grey == 100
    assert found.position < 50


def test_the_neighbourhood_solves_what_differs_in_the_mean_of_noise():
    images, masks = discs(fixed=False)
    found = shortcuts(np.where(masks, images // 2 + 100, images).astype(np.uint8), masks)
    assert found.local > found.grey + 10
    assert found.local > 60


def test_rules_come_from_the_examples_only():
    images, masks = discs(fixed=True)
    masks[SUPPORT:] = np.roll(masks[SUPPORT:], 12, axis=2)
    assert shortcuts(images, masks).position == 0


def test_the_mean_of_the_neighbourhood():
    images = discs(fixed=True)[0][:2]
    means, reach = neighbourhood_mean(images), NEIGHBOURHOOD // 2
    padded = np.pad(images.astype(int), ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (NEIGHBOURHOOD, NEIGHBOURHOOD), (1, 2))
    np.testing.assert_array_equal(means, windows.sum((3, 4)) // NEIGHBOURHOOD**2)


def test_at_least_one_image_must_be_scored():
    with pytest.raises(ValueError, match="more than 16 images"):
        shortcuts(*(part[:SUPPORT] for part in discs(fixed=True)))


def found_in(family: str, tasks: int) -> list[float]:
    episodes = (fresh_episode(0, number, SUPPORT + 3, 64, family) for number in range(tasks))
    return [shortcuts(images, masks > 0).local for images, masks, _ in episodes]


@pytest.mark.parametrize(("family", "most"), [("inner", 30), ("sonogram", 45)])  # lesions have 61
def test_some_families_need_more_than_grey(family, most):
    """Real hearts have 8 to 23, breast lesions 10 (docs/explanation/synthetic-tasks.md)."""
    assert np.mean(found_in(family, 12)) < most


@pytest.mark.slow
def test_most_training_tasks_need_more_than_grey():
    assert np.mean(np.array(found_in("train", 60)) < 50) >= 0.6

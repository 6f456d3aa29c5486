"""The source of training episodes and of validation episodes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from universeg.synth import MIXES
from universeg.training.config import TrainConfig
from universeg.training.episode_source import EpisodeSource, family_weights

OUT = Path("nowhere")


@pytest.fixture
def config(stores_folder):
    def make(**fields):
        given = {"stores": (stores_folder,), "out": OUT, "support_size": 2, "size": 16, "dev_episodes": 4}
        return TrainConfig(**{**given, **fields})

    return make


def test_held_out_datasets_are_never_drawn(config):
    source = EpisodeSource(config(synthetic=("F0",), synthetic_share=0.2))
    drawn = Counter(source.draw(step, 0, 2)[0].task.split("/")[0] for step in range(1, 101))
    assert set(drawn) == {"One", "Two", "Synthetic F0"}
    with pytest.raises(ValueError, match="no task matches the pattern 'Kept"):
        EpisodeSource(config(tasks=("Kept/*",)))


def test_synthetic_share_is_the_fraction_of_synthetic_episodes(config):
    source = EpisodeSource(config(synthetic=("F0",), synthetic_share=0.3))
    share = np.mean([source._is_synthetic(step, item) for step in range(1500) for item in (0, 1)])
    assert share == pytest.approx(0.3, abs=0.03)
    assert not any(EpisodeSource(config())._is_synthetic(step, 0) for step in range(20))


def test_synthetic_tasks_need_no_stores(config):
    source = EpisodeSource(config(stores=(), synthetic=("F0",), batch_size=2))
    drawn = source.draw(3, 1, 5)[0]
    assert drawn.pixels.images.shape == drawn.pixels.masks.shape == (1, 6, 1, 16, 16)
    assert set(np.unique(drawn.pixels.masks)) == {0, 1}
    again = EpisodeSource(config(stores=(), synthetic=("F0",), batch_size=2)).draw(3, 1, 5)[0]
    np.testing.assert_array_equal(again.pixels.images, drawn.pixels.images)
    assert source.draw(4, 0, 5)[0].task != drawn.task != source.draw(3, 0, 5)[0].task
    assert EpisodeSource(config(stores=(), synthetic=("F0",), size=0)).size == 128
    with pytest.raises(ValueError, match="nothing to train on: give --stores DIR or --synthetic"):
        EpisodeSource(config(stores=()))
    with pytest.raises(ValueError, match="unknown family of synthetic tasks 'F99'"):
        EpisodeSource(config(synthetic=("F99",)))
    with pytest.raises(ValueError, match="'F0=often': expected NAME or NAME=WEIGHT"):
        EpisodeSource(config(synthetic=("F0=often",)))


def test_the_tasks_of_a_scene_have_the_same_images_and_other_labels(config):
    made = config(stores=(), synthetic=("nested",), size=32, tasks_per_scene=2)
    one, other = EpisodeSource(made).draw(1, 0, 3)
    np.testing.assert_array_equal(one.pixels.images, other.pixels.images)
    assert not np.array_equal(one.pixels.masks, other.pixels.masks)
    (alone,) = EpisodeSource(replace(made, tasks_per_scene=1)).draw(1, 0, 3)
    np.testing.assert_array_equal(alone.pixels.masks, one.pixels.masks)


def test_a_scene_with_too_few_labels_shows_them_again_with_another_query(config):
    episodes = EpisodeSource(config(stores=(), synthetic=("lesions",), size=32, tasks_per_scene=12)).draw(1, 0, 12)
    assert len(episodes) == 12
    labels = sum(np.array_equal(one.pixels.images, episodes[0].pixels.images) for one in episodes)
    assert 1 <= labels < 12
    for name in ("images", "masks"):
        first, again = (getattr(episodes[number].pixels, name) for number in (0, labels))
        np.testing.assert_array_equal(np.roll(first, -1, 1), again)


def test_the_first_steps_can_have_small_images(config):
    source = EpisodeSource(config(stores=(), synthetic=("nested",), size=32, small_steps=4))
    sides = [source.draw(step, 0, 1)[0].pixels.images.shape[-1] for step in (1, 4, 5)]
    assert sides == [16, 16, 32]
    assert source.dev[0]().pixels.images.shape[-1] == 32, "validation has the full size"


def test_families_are_drawn_by_their_weights(config):
    assert family_weights(["F0", "nested=3"]) == {"F0": 1, "nested": 3}
    assert sum(family_weights(["train"]).values()) == pytest.approx(1)
    source = EpisodeSource(config(stores=(), synthetic=("layers", "mesh=3")))  # fast families
    drawn = Counter(source.draw(step, 0, 1)[0].task.split("/")[0] for step in range(1, 201))
    assert drawn["Synthetic mesh"] / 200 == pytest.approx(0.75, abs=0.1)
    assert set(drawn) == {"Synthetic layers", "Synthetic mesh"}


def test_validation_uses_the_training_datasets_unless_others_are_requested(config, stores_folder):
    def datasets(**fields):
        return {draw().task.split("/")[0] for draw in EpisodeSource(config(**fields)).dev}

    assert datasets() == {"One", "Two"}
    assert datasets(synthetic=("F0",)) == {"One", "Two", "Synthetic F0"}
    assert datasets(synthetic=("F0",), dev_stores=(stores_folder / "Kept.lmdb",)) == {"Kept"}
    assert datasets(dev_stores=(stores_folder / "Kept.lmdb",), dev_synthetic=("F0",)) == {"Kept", "Synthetic F0"}
    assert datasets(stores=(), synthetic=("F0",)) == {"Synthetic F0"}
    assert datasets(stores=(), synthetic=("F0",), dev_synthetic=("validation",)) == {
        f"Synthetic {name}" for name in MIXES["validation"]
    }


def test_synthetic_dev_episodes_are_fixed_and_never_trained_on(config):
    made = config(stores=(), synthetic=("F0",))
    first, again = ([draw().pixels.images for draw in EpisodeSource(made).dev] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    trained = [EpisodeSource(made).draw(step, 0, 2)[0].pixels.images for step in range(1, 7)]
    assert not any(np.array_equal(dev, one) for dev in first for one in trained)


def test_the_dev_digest_depends_on_the_dev_episodes(config, stores_folder):
    digests = [
        EpisodeSource(one).dev_digest
        for one in (config(), config(dev_stores=(stores_folder / "Kept.lmdb",)), config(synthetic=("F0",)))
    ]
    assert len(set(digests)) == 3
    assert EpisodeSource(config()).dev_digest == digests[0]


def test_the_support_size_is_drawn_for_each_step_within_its_limits(config):
    source = EpisodeSource(config(support_size=8, least_support_size=2))
    assert {source.support_size(step) for step in range(200)} == set(range(2, 9))
    assert {EpisodeSource(config(support_size=8)).support_size(step) for step in range(20)} == {8}

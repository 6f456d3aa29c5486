"""The source of training episodes and of validation episodes."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from universeg.synth import MIXES, fresh_scenes
from universeg.training import episode_source
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


def test_tasks_that_are_made_at_once_depend_on_the_step_and_not_on_who_makes_them(config):
    families = ("nested", "layers", "chain", "bands", "mesh")
    made = config(stores=(), synthetic=families, size=32, batch_size=6, tasks_at_once=2, tasks_per_scene=2)
    source = EpisodeSource(made)
    whole = source.draw_all(3, range(6), 4)
    assert len(whole) == 12
    assert all(episode.pixels.images.shape == (1, 5, 1, 32, 32) for episode in whole)
    numbers = [int(episode.query) for episode in whole[::2]]
    assert sorted(numbers) == list(range(18, 24)), "as without tasks_at_once"
    datasets = [episode.task.split("/")[0] for episode in whole[::2]]
    assert datasets[:3] == datasets[3:], "items 0 and 3 are made at once, and so on"
    assert len(set(datasets)) > 1
    for label in range(0, 12, 2):  # two labels of the same images, or the same label with another query
        assert whole[label].task == whole[label + 1].task
        assert not np.array_equal(whole[label].pixels.masks, whole[label + 1].pixels.masks)
    parts = [EpisodeSource(made).draw_all(3, range(first, 6, 3), 4) for first in range(3)]
    for item in range(6):
        for label in range(2):
            one, other = whole[2 * item + label], parts[item % 3][2 * (item // 3) + label]
            np.testing.assert_array_equal(one.pixels.images, other.pixels.images)
            np.testing.assert_array_equal(one.pixels.masks, other.pixels.masks)
    others = source.draw_all(4, range(6), 4) + EpisodeSource(replace(made, seed=1)).draw_all(3, range(6), 4)
    seen = {episode.pixels.images.tobytes() for episode in whole}
    assert not any(episode.pixels.images.tobytes() in seen for episode in others)


@pytest.mark.parametrize(
    ("device", "fields", "where"),
    [
        ("cuda", {"tasks_at_once": 2}, "cuda"),
        ("cuda", {"tasks_at_once": 2, "loaders": 2}, "cpu"),
        ("cpu", {"tasks_at_once": 2}, "cpu"),
        ("mps", {"tasks_at_once": 2}, "cpu"),
    ],
)
def test_tasks_are_made_at_once_on_the_gpu_of_training_if_there_is_one_loader(
    config, monkeypatch, device, fields, where
):
    def made_here(*arguments, **options):
        return fresh_scenes(*arguments[:6], **options)

    calls = []
    monkeypatch.setattr(
        episode_source, "fresh_scenes", lambda *all, **more: calls.append(all) or made_here(*all, **more)
    )
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: f"a stream of {device}")
    streams = []
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: streams.append(stream) or nullcontext())
    made = config(stores=(), synthetic=("bands",), batch_size=4, **fields)
    source = EpisodeSource(made, torch.device(device))
    source.draw_all(1, range(4), 2)
    assert source.told("on a device")[0] == (
        f"synthetic tasks of bands, 2 at once made on {where}, at 16 pixels, on a device"
    )
    assert [call[6].type for call in calls] == [where, where]
    assert streams == [f"a stream of {where}" if where == "cuda" else None] * 2


def test_one_task_at_once_is_the_default(config):
    source = EpisodeSource(config(stores=(), synthetic=("nested", "layers"), size=32, batch_size=3))
    for item, episode in enumerate(source.draw_all(2, range(3), 2)):
        np.testing.assert_array_equal(episode.pixels.images, source.draw(2, item, 2)[0].pixels.images)


def test_the_first_steps_can_have_small_images(config):
    source = EpisodeSource(config(stores=(), synthetic=("nested",), size=32, small_steps=4))
    sides = [source.draw(step, 0, 1)[0].pixels.images.shape[-1] for step in (1, 4, 5)]
    assert sides == [16, 16, 32]
    at_once = EpisodeSource(
        config(stores=(), synthetic=("nested",), size=32, small_steps=4, batch_size=2, tasks_at_once=2)
    )
    assert [at_once.draw_all(step, range(2), 1)[0].pixels.images.shape[-1] for step in (4, 5)] == [16, 32]
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

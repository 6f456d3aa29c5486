"""Training as the paper describes it (algorithm 1, sections 5.1 and B): augmentation, optimiser, best weights, end."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from runs import rows
from safetensors import safe_open

from universeg.base.rng import rng_for
from universeg.episodes.dice import Score
from universeg.store import Task
from universeg.training.augment import Augmentation, AugmentConfig
from universeg.training.trainer import Trainer, train


def test_query_and_support_are_both_augmented_in_every_episode(config, monkeypatch):
    """The network gets exactly what the augmentation returns, and each step and item has draws of its own."""
    trainer = Trainer(replace(config, batch_size=2))
    drawn, seen = [], []

    def augmentation(images, masks, rngs):
        drawn.extend(rng.random() for rng in rngs)
        return images * 0.5 + 0.25, 1 - masks

    trainer.augmentation = augmentation
    trainer.state.model.register_forward_pre_hook(lambda model, given: seen.append(given))
    for step in (1, 2):
        episodes = trainer.load(step)
        trainer.learn(episodes)
        query, support, masks = seen[-1]
        for item, episode in enumerate(episodes):
            pixels, inside = episode.pixels.images[0] / 255.0, episode.pixels.masks[0]
            np.testing.assert_allclose(query[item].numpy(), pixels[0] * 0.5 + 0.25, atol=1e-6)
            np.testing.assert_allclose(support[item].numpy(), pixels[1:] * 0.5 + 0.25, atol=1e-6)
            np.testing.assert_array_equal(masks[item].numpy(), 1 - inside[1:])
    assert len(drawn) == len(set(drawn)) == 4, "two steps of two items"


def test_in_task_augmentation_changes_the_query_and_each_support_image_on_its_own():
    augment = Augmentation(AugmentConfig("in-task").rows)
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.random((1, 1, 1, 32, 32), np.float32)).expand(1, 5, 1, 32, 32).contiguous()
    changed = np.zeros(5)
    for number in range(20):
        found, _ = augment(image, (image > 0.5).float(), [rng_for("in-task", number)])
        own = np.array([not torch.allclose(found[0, entry], image[0, entry]) for entry in range(5)])
        assert len({entry.tobytes() for entry in found[0].numpy()}) == (5 if own.any() else 1), "each has its own draws"
        changed += own
    assert changed.min() >= 10, f"in 20 episodes: {changed}"


def test_the_optimiser_is_plain_adam(config):
    defaults = Trainer(config).state.optimiser.defaults
    assert (defaults["lr"], defaults["betas"], defaults["eps"], defaults["weight_decay"], defaults["amsgrad"]) == (
        *(config.learning_rate, (0.9, 0.999), 1e-8, 0, False),
    )


@pytest.fixture
def dev_dice(monkeypatch):
    """Validation gives these Dice scores, one after the other."""

    def set_to(values):
        left = iter(values)

        def validate(network, episodes, compute):
            score = next(left)
            loaded = [load() for load in episodes]
            for episode in loaded:
                mask = episode.pixels.query_mask[0, 0].astype(bool)
                yield Score(Task.parse(episode.task), episode.query, score), episode, mask

        monkeypatch.setattr("universeg.training.trainer.validate", validate)

    return set_to


def about(path):
    with safe_open(path, "pt") as file:
        return {name: json.loads(value) for name, value in file.metadata().items() if name in ("step", "dev_dice")}


@pytest.mark.slow
def test_the_best_weights_are_those_of_the_best_validation(config, dev_dice):
    dev_dice([40, 80, 60])
    train(replace(config, steps=15, validate_every=5))
    assert about(config.out / "best.safetensors") == {"step": 10, "dev_dice": 80}
    assert about(config.out / "last.safetensors")["step"] == 15


@pytest.mark.slow
def test_training_ends_when_validation_no_longer_improves(config, dev_dice, capsys):
    dev_dice([40, 80, 60, 80, 90])
    run = replace(config, steps=1000, validate_every=5, patience=2, quiet=False)
    train(run)
    assert [step for step, _ in rows(run, "dev_dice")] == [5, 10, 15, 20], "80 again is no improvement"
    assert rows(run, "loss")[-1][0] == 20
    assert "no higher validation Dice since step 10" in capsys.readouterr().err
    train(run)
    assert rows(run, "loss")[-1][0] == 20, "the same command does no more steps"
    dev_dice([90] * 4)
    train(replace(run, patience=3))
    assert rows(run, "dev_dice")[4] == (25, 90), "a larger --patience continues"

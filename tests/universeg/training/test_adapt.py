"""Adapting a network to examples: what it learns, that it can be repeated, and that it is used only if it helps."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from universeg.base.rng import rng_for
from universeg.episodes.levers import ExampleTensors
from universeg.model import ModelConfig, UniverSeg
from universeg.training import adapt as adapting
from universeg.training.adapt import AUGMENTATION, AdaptConfig, Gamma, adapt, adapt_if_better, is_better
from universeg.training.augment.transform import EpisodeShape

SIDE = 16
CONFIG = AdaptConfig(steps=12, learning_rate=0.1, size=SIDE)


def examples(count=6, subjects=(), labels=1, seed=0):
    """Bright squares on noise; each label has its own square."""
    rng = rng_for("adapt test", seed)
    images = torch.from_numpy(rng.uniform(0, 0.3, (count, 1, SIDE, SIDE)))
    masks = torch.zeros(count, labels, SIDE, SIDE)
    for number in range(count):
        top, left = rng.integers(2, 8, 2)
        masks[number, number % labels, top : top + 5, left : left + 5] = 1
        images[number, 0][masks[number, number % labels] > 0] += 0.6
    return ExampleTensors.of(images, masks, subjects)


class Threshold(nn.Module):
    """Marks what is brighter than a level that it learns; far quicker than a network."""

    def __init__(self, level=0.9):
        super().__init__()
        self.level = nn.Parameter(torch.tensor(level))

    def forward(self, target_image, support_images, support_labels):
        return 20 * (target_image - self.level)


def weights_of(network):
    return torch.cat([weight.detach().clone().flatten() for weight in network.parameters()])


def test_it_learns_and_leaves_the_network_as_it_was():
    network, tensors = Threshold(), examples()
    before, shares = weights_of(network), list[float]()
    adapted = adapt(network, tensors, CONFIG, shares.append)
    assert torch.equal(weights_of(network), before)
    assert all(weight.grad is None for weight in network.parameters())
    assert not adapted.training
    query, support = tensors.images[[0]], tensors.support((1, 2, 3, 4, 5), 0)
    with torch.inference_mode():
        losses = [adapting.soft_dice_loss(each(query, *support), tensors.masks[[0]]) for each in (network, adapted)]
    assert losses[1] < losses[0] - 0.2
    assert shares[-1] == 1
    assert all(a < b for a, b in pairwise(shares))
    assert torch.equal(weights_of(adapt(network, tensors, CONFIG)), weights_of(adapted))
    other = AdaptConfig(steps=12, learning_rate=0.1, size=SIDE, seed=1)
    assert not torch.equal(weights_of(adapt(network, tensors, other)), weights_of(adapted))


def test_a_real_network_takes_part():
    network = UniverSeg(ModelConfig((4, 4)), seed=1).eval()
    adapted = adapt(network, examples(4), AdaptConfig(steps=1, size=SIDE))
    changed = (weights_of(adapted) - weights_of(network)).abs()
    assert 1e-4 < changed.max() < 2e-4  # one step of Adam is at most the learning rate, and half of it is kept


def test_episodes_show_one_label_and_no_image_of_the_query_subject():
    seen = list[tuple[torch.Tensor, torch.Tensor]]()

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, target_image, support_images, support_labels):
            seen.append((support_images.detach(), support_labels.detach()))
            return target_image * self.weight

    adapt(Spy(), examples(7, tuple("aabbccd"), labels=2), AdaptConfig(steps=12, size=SIDE))
    assert {images.shape[1] for images, _ in seen} == {5, 6}  # all of the other subjects
    assert all(masks[0, 0].any() for _, masks in seen)
    adapt(Spy(), examples(20), AdaptConfig(steps=1, size=SIDE))
    assert seen[-1][0].shape[1] == 8
    adapt(Spy(), examples(2), AdaptConfig(steps=1, size=SIDE))
    assert seen[-1][0].shape[1] == 1
    adapt(Spy(), examples(4), AdaptConfig(steps=1, size=8))
    assert seen[-1][0].shape[-1] == 8


def test_the_learning_rate_falls_to_zero(monkeypatch):
    rates = list[float]()
    step = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))[1]
    )
    adapt(Threshold(), examples(), AdaptConfig(steps=4, size=SIDE))
    assert rates == pytest.approx([3e-4, 2.25e-4, 1.5e-4, 0.75e-4])


def test_a_time_limit_ends_it_early(monkeypatch):
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(adapting, "monotonic", lambda: next(clock))
    shares = list[float]()
    adapt(Threshold(), examples(), AdaptConfig(steps=100, minutes=1, size=SIDE), shares.append)
    assert len(shares) == 2  # steps begin after 20 and 40 of 60 seconds


def test_augmentation_is_small_and_each_image_has_its_own():
    tensors = examples(9)
    images, masks = tensors.images[None], tensors.masks[:, :, None].transpose(0, 1)
    _, moved = AUGMENTATION(images, masks, [rng_for("augmentation", 0)])
    assert set(moved.unique().tolist()) == {0, 1}
    areas = moved.sum((2, 3, 4))[0] / 25
    assert 0.6 < areas.min() < areas.max() < 1.5
    assert len(set(areas.tolist())) > 3
    powers = np.log(Gamma().draw(rng_for("gamma"), EpisodeShape(500, 500, (4, 4)))["gamma"])
    assert powers.std() == pytest.approx(0.15, rel=0.1)
    assert abs(powers.mean()) < 0.03


def test_examples_without_a_pair_of_subjects_are_refused():
    with pytest.raises(ValueError, match="at least two subjects"):
        adapt(Threshold(), examples(2, labels=2), CONFIG)
    with pytest.raises(ValueError, match="Identity has no weights to adapt"):
        adapt(nn.Identity(), examples(), CONFIG)


def test_adapted_weights_are_used_if_they_help():
    network, shares = Threshold(), list[float]()
    found = adapt_if_better(network, examples(12), CONFIG, shares.append)
    assert found.used
    assert np.mean(found.after) > np.mean(found.before) + 10
    held_out = {trial.query for trial in found.trials}
    assert len(held_out) == 4
    learnt = examples(12).take(sorted(set(range(12)) - held_out))
    assert torch.equal(weights_of(found.network), weights_of(adapt(network, learnt, CONFIG)))
    assert all(trial.network is found.network for trial in found.trials), "what is used is what was checked"
    assert shares[-1] == 1
    assert all(a < b for a, b in pairwise(shares))
    means = f"{np.mean(found.before):.1f} -> {np.mean(found.after):.1f}"
    assert str(found) == f"adapt: {means} on 4 examples that it was not adapted to: used"


@pytest.mark.parametrize(("count", "expected"), [(6, 3), (7, 3), (12, 4), (40, 8)])
def test_a_part_of_the_examples_is_held_out(count, expected):
    assert len(adapting._held_out(examples(count), 0)) == expected
    subjects = tuple(str(number // 2) for number in range(count))
    if count > 7:
        held_out = adapting._held_out(examples(count, subjects), 0)
        learnt = set(range(count)) - set(held_out)
        assert not {subjects[index] for index in held_out} & {subjects[index] for index in learnt}


def test_adapted_weights_that_do_not_help_are_not_used():
    network = Threshold(level=0.45)
    found = adapt_if_better(network, examples(8), AdaptConfig(steps=2, size=SIDE, learning_rate=1))
    assert np.mean(found.after) < np.mean(found.before)
    assert not found.used
    assert found.network is network
    assert str(found).endswith(": not used")


def test_the_check_never_shows_a_query_to_the_network_that_is_adapted(monkeypatch):
    tensors, learnt = examples(12, tuple("aabbccddeeff")), list[set[str]]()

    def spy(network, part, config, advance):
        learnt.append(set(part.subjects))
        return nn.Identity()

    monkeypatch.setattr(adapting, "adapt", spy)
    monkeypatch.setattr(adapting.Trial, "dice", lambda self, *rest: 50.0)
    found = adapt_if_better(Threshold(), tensors, CONFIG)
    (known,) = learnt
    assert len(found.trials) == 6, "three subjects"
    for trial in found.trials:
        assert tensors.subjects[trial.query] not in known
        assert {tensors.subjects[index] for index in trial.support} <= known
    assert not found.used


def test_too_few_subjects_are_not_checked():
    network = Threshold()
    found = adapt_if_better(network, examples(10, tuple("aabbccddee")), CONFIG)
    assert found.network is network
    assert not found.used
    assert "not tried, because the check needs 6 subjects" in str(found)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([2, 2, 2], True),
        ([0.4, 0.4, 0.4], False),
        ([20, -18, 1], False),
        ([-5, -5, -5], False),
        ([9], False),
        ([], False),
    ],
)
def test_a_gain_must_be_above_noise(gains, expected):
    assert is_better([50] * len(gains), [50 + gain for gain in gains]) is expected

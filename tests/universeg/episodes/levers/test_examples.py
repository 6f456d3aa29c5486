"""Examples as tensors, and trials by leave-one-out."""

import pytest
import torch

from universeg.base.rng import rng_for
from universeg.episodes.levers import ExampleTensors, leave_one_out
from universeg.episodes.levers.examples import draw_support


def examples(count=6, subjects=(), labels=1):
    masks = torch.zeros(count, labels, 8, 8)
    for number in range(count):
        masks[number, number % labels, 2:5, 2:6] = 1
    return ExampleTensors.of(torch.rand(count, 1, 8, 8), masks, subjects)


def test_a_trial_never_shows_its_own_subject():
    tensors = examples(subjects=("a", "a", "b", "b", "c", "c"))
    trials = leave_one_out(tensors, torch.nn.Identity(), 10, 16, seed=0)
    assert sorted(trial.query for trial in trials) == list(range(6))
    for trial in trials:
        assert len(trial.support) == 4
        assert tensors.subjects[trial.query] not in {tensors.subjects[index] for index in trial.support}


def test_trials_take_labels_in_turn_and_need_a_second_subject():
    trials = leave_one_out(examples(count=8, labels=2), torch.nn.Identity(), 4, 16, seed=0)
    assert [trial.label for trial in trials] == [0, 1, 0, 1]
    assert all(trial.query % 2 == trial.label for trial in trials)
    only_one = examples(count=3, labels=3)  # each label is in one image only
    assert leave_one_out(only_one, torch.nn.Identity(), 4, 16, seed=0) == []


def test_a_support_set_has_the_label_first_and_comes_from_the_pool():
    tensors = examples(count=8, labels=4)  # label 3 in images 3 and 7
    for seed in range(5):
        support = draw_support(tensors, 3, 3, 3, rng_for("test", seed), pool=[1, 2, 7])
        assert support[0] == 7
        assert sorted(support) == [1, 2, 7]
    assert draw_support(tensors, 3, 3, 3, rng_for("test"), pool=[1, 2]) == ()


def test_the_dice_of_a_trial_is_that_of_its_query():
    tensors = examples(count=3)

    class Right(torch.nn.Module):
        def forward(self, target_image, support_images, support_labels):
            assert support_images.shape == (1, 2, 1, 8, 8)
            return support_labels.mean(1) - 0.5

    (trial, *_) = leave_one_out(tensors, Right(), 3, 16, seed=0)
    assert trial.dice(tensors) == 100
    half = ExampleTensors(tensors.images, tensors.masks.clone(), tensors.subjects)
    half.masks[trial.query, 0, 2:5, 2:4] = 0  # 6 of 12 pixels are left: 2 * 6 / 18
    assert trial.dice(half) == pytest.approx(100 * 12 / 18)


@pytest.mark.parametrize("shape", [(3, 1, 8, 9), (2, 1, 8, 8), (3, 8, 8)])
def test_shapes_must_fit(shape):
    with pytest.raises(ValueError, match="expected images"):
        ExampleTensors.of(torch.rand(3, 1, 8, 8), torch.zeros(shape))


def test_one_subject_is_not_enough():
    with pytest.raises(ValueError, match="two subjects"):
        examples(count=2, subjects=("a", "a"))

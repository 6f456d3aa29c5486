from dataclasses import replace

import numpy as np
import pytest
from bright_ellipses import SIDE, Bright, example, examples_of, good, picture, prepared

from universeg.prediction.check.checkup import Plan, check_up
from universeg.prediction.check.curve import curve
from universeg.prediction.check.findings import Fix
from universeg.prediction.check.influence import influences
from universeg.prediction.check.leave_one_out import Limits, interval, leave_one_out
from universeg.prediction.check.trial_doctor import trial_findings


def inverted(image):
    return replace(image, labels=(image.labels == 0).astype(image.labels.dtype))


def test_each_example_is_segmented_by_the_others():
    segmenter = Bright(good())
    estimate = leave_one_out(segmenter)
    assert [trial.example for trial in estimate.trials] == list(range(8))
    assert [shown for _, shown in segmenter.calls] == [7] * 8
    assert 90 < estimate.dice < 100
    low, high = estimate.interval
    assert low < estimate.dice < high
    assert estimate.verdict == "works well"


def test_the_work_is_bounded():
    segmenter, done = Bright(good()), []
    estimate = leave_one_out(segmenter, Limits(queries=3, shown=4), lambda: done.append(1))
    assert (len(estimate.trials), len(done), estimate.shown, estimate.examples) == (3, 3, 4, 8)
    assert [shown for _, shown in segmenter.calls] == [4] * 3


def test_a_copy_does_not_give_the_answer_away():
    images = good().images
    segmenter = Bright(examples_of(*images, replace(images[0], name="again.png")))
    leave_one_out(segmenter)
    shown = [shown for _, shown in segmenter.calls]
    assert shown == [7, *[8] * 7, 7]


def test_a_volume_is_scored_on_a_few_of_its_own_slices():
    images, masks = (np.stack(parts, axis=2) for parts in zip(*(picture(at) for at in range(20)), strict=True))
    masks[..., :4] = False
    segmenter = Bright(examples_of(prepared(images, masks, "a.nii"), prepared(images[::-1], masks[::-1], "b.nii")))
    estimate = leave_one_out(segmenter, Limits(slices=5))
    rows = estimate.trials[0].query.rows
    assert len(rows) == 5
    assert (rows.min(), rows.max()) == (4, 19)


def test_two_examples_are_needed():
    with pytest.raises(ValueError, match="at least two examples"):
        leave_one_out(Bright(good(1)))
    assert "single example" in str(check_up(Bright(good(1))).findings[-1])


def test_a_mask_that_is_inverted_is_named_with_its_fix():
    images = good().images
    (finding,) = trial_findings(leave_one_out(Bright(examples_of(*images[:5], inverted(images[5]), *images[6:]))))
    assert str(finding).startswith("the mask of 5.png looks inverted: Dice ")
    assert "with inside and outside exchanged" in str(finding)
    assert finding.fix == Fix("invert", (5,))


def test_an_empty_mask_is_not_taken_for_an_inverted_one():
    first, *others = good().images
    empty = replace(first, images=np.full_like(first.images, 160), labels=first.labels * 0)  # the answer is everything
    (finding,) = trial_findings(leave_one_out(Bright(examples_of(empty, *others))))
    assert str(finding).startswith("0.png disagrees with the other examples: Dice 0 where the others have ")
    assert finding.fix is None


def test_an_example_that_disagrees_is_named_without_a_fix():
    images = good().images
    wrong = replace(images[2], labels=np.roll(images[2].labels, SIDE // 2, axis=2))
    (finding,) = trial_findings(leave_one_out(Bright(examples_of(*images[:2], wrong, *images[3:]))))
    assert str(finding).startswith("2.png disagrees with the other examples: Dice ")
    assert finding.fix is None
    assert trial_findings(leave_one_out(Bright(good()))) == []


def test_the_interval_holds_the_mean_as_often_as_it_says():
    """The trials of one set of examples share an error that their spread does not show."""
    rng = np.random.default_rng(2)
    draws = [(80 + rng.normal(0, 1.5) + rng.normal(0, 8, 12)).clip(0, 100) for _ in range(400)]
    held = sum(low <= 80 <= high for low, high in map(interval, draws))
    assert 0.85 < held / 400 < 0.95
    low, high = interval([70.0] * 8)
    assert (low, high) == pytest.approx((67.5, 72.5), abs=0.1)
    assert interval([70.0]) == (0.0, 100.0)


def test_the_curve_rises_with_examples_and_says_what_more_would_give():
    segmenter = Bright(good(), missing=0.5)
    estimate = leave_one_out(segmenter)
    found = curve(segmenter, estimate, Limits())
    assert found.counts == (1, 2, 4, 7)
    assert list(found.dice) == sorted(found.dice)
    assert found.gain > 0.5
    assert "three more examples would give about +" in str(found)
    flat = Bright(good())
    assert "would change little" in str(curve(flat, leave_one_out(flat), Limits()))
    assert curve(Bright(good(2)), leave_one_out(Bright(good(2))), Limits()) is None


def test_the_curve_ends_at_the_expected_dice():
    images = [*good(11).images]
    images[3] = inverted(images[3])  # a hard example, which is not among those that are segmented with fewer others
    segmenter = Bright(examples_of(*images))
    estimate = leave_one_out(segmenter)
    found = curve(segmenter, estimate, Limits())
    assert found.counts[-1] == 10
    assert found.dice[-1] == estimate.dice < 95
    assert found.dice[0] < 95


def test_an_example_that_harms_the_others_has_the_least_influence():
    images = [example(number) for number in range(5)]
    dark = replace(images[0], images=images[0].images // 3)
    segmenter = Bright(examples_of(dark, *images[1:]))
    found = influences(segmenter, leave_one_out(segmenter))
    assert (found[-1].example, found[-1].name) == (0, "folder/0.png")
    assert found[-1].dice < 0 <= found[0].dice


def test_the_plan_counts_its_work():
    for plan in (Plan(), Plan(with_curve=True), Plan(with_curve=True, with_influences=True)):
        segmenter, done = Bright(good(6)), []
        check_up(segmenter, plan, lambda done=done: done.append(1))
        assert len(done) == plan.work(6)

import numpy as np
import pytest
from bright_ellipses import Bright, example, good

from universeg.prediction.check.confidence import SLOPE, Calibration, sureness
from universeg.prediction.check.leave_one_out import Estimate, Trial, leave_one_out


def certain(share):
    """A probability map (1, 1, 8, 8) of which the upper half is in the mask, with this probability."""
    probability = np.full((1, 1, 8, 8), 1 - share, np.float32)
    probability[:, :, :4] = share
    return probability, (probability[0] >= 0.5).astype(np.uint8)


def estimate_of(shares, scores):
    trials = [
        Trial(at, example(at), *certain(share), score, (score,))
        for at, (share, score) in enumerate(zip(shares, scores, strict=True))
    ]
    return Estimate(tuple(trials), len(trials), 7, 8)


def test_sureness_is_the_dice_that_the_probabilities_expect():
    assert sureness(*certain(1.0)) == 1
    assert sureness(*certain(0.75)) == pytest.approx(2 * 32 * 0.75 / (32 + 32))
    assert sureness(np.zeros((1, 1, 8, 8)), np.zeros((1, 8, 8), np.uint8)) == 0


def test_slices_without_an_answer_do_not_lower_it():
    probability, winners = certain(0.9)
    more = np.concatenate([probability, np.full((1, 5, 8, 8), 0.1, np.float32)], axis=1)
    assert sureness(more, np.concatenate([winners, np.zeros((5, 8, 8), np.uint8)])) == sureness(probability, winners)


def test_a_less_sure_result_is_expected_to_be_worse():
    shares = np.linspace(0.7, 0.95, 12)
    found = Calibration.of(estimate_of(shares, 200 * shares - 100))
    assert found.expected(0.95) == pytest.approx(90, abs=4)
    assert found.expected(0.7) == pytest.approx(40, abs=4)
    assert (found.expected(0), found.expected(5)) == (0, 100)


def test_few_trials_hardly_change_the_usual_slope():
    found = Calibration.of(estimate_of([0.90, 0.91], [95, 60]))
    assert found.slope == pytest.approx(SLOPE, rel=0.25)
    assert found.expected(found.sureness) == pytest.approx(77.5)


def test_it_orders_new_images():
    segmenter = Bright(good())
    calibration = Calibration.of(leave_one_out(segmenter))
    clear, unclear = (segmenter.segment(example(30, image=image)) for image in _clear_and_unclear())
    assert calibration.expected(sureness(clear.probability, clear.winners)) > calibration.expected(
        sureness(unclear.probability, unclear.winners)
    )


def _clear_and_unclear():
    from bright_ellipses import picture

    image, mask = picture(30)
    return image, np.where(mask, image * 0.62, image).astype(np.uint8)

"""The soft Dice loss."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from universeg.training.loss import soft_dice_loss, training_loss

CERTAIN = 40.0  # a logit whose sigmoid is 1 in float32


def masks(seed, share, batch=2):
    return (torch.rand(batch, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) < share).float()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(0, 99), st.floats(0, 1), st.floats(0, 1))
def test_the_loss_of_certain_predictions_is_one_minus_dice(one, other, share, second):
    prediction, truth = masks(one, share), masks(other, second)
    loss = soft_dice_loss((prediction * 2 - 1) * CERTAIN, truth)
    overlap, total = (prediction * truth).sum((1, 2, 3)), (prediction + truth).sum((1, 2, 3))
    expected = 1 - torch.where(total > 0, 2 * overlap / total.clamp(min=1), 1.0)
    torch.testing.assert_close(loss, expected, atol=2e-3, rtol=0)
    assert loss.shape == (2,)


def test_the_denominator_has_squares():
    logits, truth = torch.logit(torch.full((1, 1, 1, 2), 0.5)), torch.tensor([[[[1.0, 0.0]]]])
    assert soft_dice_loss(logits, truth).item() == pytest.approx(1 - 2 * 0.5 / (0.25 + 0.25 + 1), abs=1e-3)


def test_the_gradient_for_an_empty_ground_truth_lowers_the_prediction():
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    soft_dice_loss(logits, torch.zeros(1, 1, 4, 4)).sum().backward()
    assert (logits.grad > 0).all()


def test_bfloat16_logits_are_summed_in_float32():
    logits = torch.zeros(1, 1, 128, 128, dtype=torch.bfloat16)
    loss = soft_dice_loss(logits, torch.ones(1, 1, 128, 128))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1 - 2 * 0.5 / 1.25, abs=1e-4)


def test_cross_entropy_is_added_with_its_weight():
    logits, truth = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)), masks(0, 0.5)
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    expected = soft_dice_loss(logits, truth) + 0.3 * cross_entropy.mean((1, 2, 3))
    torch.testing.assert_close(training_loss(logits, truth, 0.3), expected)
    assert torch.equal(training_loss(logits, truth, 0), soft_dice_loss(logits, truth))

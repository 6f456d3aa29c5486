import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from universeg.training.loss import soft_dice_loss

SURE = 40.0  # a logit whose sigmoid is 1 in float32


def masks(seed, share, batch=2):
    return (torch.rand(batch, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) < share).float()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(0, 99), st.floats(0, 1), st.floats(0, 1))
def test_is_one_minus_dice_of_sure_predictions(one, other, share, second):
    prediction, truth = masks(one, share), masks(other, second)
    loss = soft_dice_loss((prediction * 2 - 1) * SURE, truth)
    overlap, total = (prediction * truth).sum((1, 2, 3)), (prediction + truth).sum((1, 2, 3))
    expected = 1 - torch.where(total > 0, 2 * overlap / total.clamp(min=1), 1.0)
    torch.testing.assert_close(loss, expected, atol=2e-3, rtol=0)
    assert loss.shape == (2,)


def test_soft_values_have_squared_denominators():
    logits, truth = torch.logit(torch.full((1, 1, 1, 2), 0.5)), torch.tensor([[[[1.0, 0.0]]]])
    assert soft_dice_loss(logits, truth).item() == pytest.approx(1 - 2 * 0.5 / (0.25 + 0.25 + 1), abs=1e-3)


def test_an_empty_truth_pulls_the_prediction_down():
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    soft_dice_loss(logits, torch.zeros(1, 1, 4, 4)).sum().backward()
    assert (logits.grad > 0).all()


def test_low_precision_logits_are_summed_in_float32():
    logits = torch.zeros(1, 1, 128, 128, dtype=torch.bfloat16)
    loss = soft_dice_loss(logits, torch.ones(1, 1, 128, 128))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1 - 2 * 0.5 / 1.25, abs=1e-4)

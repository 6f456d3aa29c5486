"""The learning-rate schedule."""

import pytest

from universeg.training.lr_schedule import learning_rate


def rates(steps, schedule, warmup):
    return [learning_rate(step, steps, 2.0, schedule, warmup) for step in range(1, steps + 1)]


def test_a_constant_rate_is_constant_after_the_warmup():
    assert rates(4, "constant", 0) == [2.0] * 4
    assert rates(6, "constant", 4) == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_a_cosine_rate_never_rises_and_ends_near_zero():
    found = rates(100, "cosine", 10)
    assert found[9] == 2.0
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[54] == pytest.approx(1.0, abs=0.03)
    assert 0 < found[-1] < 0.001

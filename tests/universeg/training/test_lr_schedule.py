"""The learning-rate schedule."""

import pytest

from universeg.training import lr_schedule
from universeg.training.lr_schedule import TimeLimit, learning_rate


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


def test_the_rate_falls_to_zero_in_the_last_part_of_the_minutes(monkeypatch):
    now = 100.0
    monkeypatch.setattr(lr_schedule, "monotonic", lambda: now)
    limit, endless = TimeLimit(10, cooldown=0.3), TimeLimit(0)
    shares = []
    for minute in (0, 6.9, 8.5, 9.7, 10, 11):
        now = 100 + 60 * minute
        shares.append(limit.share_of_rate())
        assert limit.is_over() == (minute >= 10)
        assert (endless.share_of_rate(), endless.is_over()) == (1, False)
    assert shares == pytest.approx([1, 1, 0.5, 0.1, 0, 0])

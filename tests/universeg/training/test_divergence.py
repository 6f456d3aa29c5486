"""The warning that a training has diverged."""

import numpy as np

from universeg.training import training_log
from universeg.training.divergence import RECENT, LossMonitor
from universeg.training.training_log import TrainingLog


def warnings_after(losses):
    """The warnings by the step after which they come."""
    monitor = LossMonitor()
    return {step: warning for step, loss in enumerate(losses, 1) if (warning := monitor.update(loss))}


def around(mean, steps):
    """Losses of one task per step: in [0, 1], and as variable as those of the weights in the package."""
    return np.random.default_rng(0).beta(4 * mean, 4 * (1 - mean), steps)


def test_a_loss_that_rises_most_of_the_way_back_gives_one_warning():
    losses = [*around(0.3, 1000), *around(0.85, 1000)]
    ((step, warning),) = warnings_after(losses).items()
    assert 1000 < step <= 1000 + RECENT
    assert "the loss has diverged: its mean over 200 steps is 0.6" in warning
    assert "--init" in warning


def test_usual_losses_give_no_warning():
    assert not warnings_after(around(0.3, 20_000))
    assert not warnings_after(np.linspace(1.6, 0.9, 2000))  # with cross-entropy, at the start
    assert not warnings_after([*around(0.9, 500), *around(0.95, 500)])  # there was no progress to lose
    assert not warnings_after([*around(0.02, 500), *around(0.1, 500)])  # one easy task
    assert not warnings_after([0.3] * 1000 + [1.0] * (RECENT // 3))


def test_the_terminal_shows_the_warning_once(tmp_path, capsys):
    with TrainingLog(tmp_path, 0, 2 * RECENT, quiet=False) as log:
        for step in range(1, 2 * RECENT + 1):
            log.step(step, 0.2 if step <= RECENT else 0.9, {}, 4, 0.1, 0.0)
    assert capsys.readouterr().err.count("step 315: the loss has diverged") == 1


def test_with_a_time_limit_the_rest_of_the_minutes_is_shown(tmp_path, monkeypatch):
    """20 seconds of 60 are over after 10 of a million steps."""
    now = iter([0.0, *[20.0] * 9])
    monkeypatch.setattr(training_log, "monotonic", lambda: next(now))
    with TrainingLog(tmp_path, 0, 1_000_000, quiet=True, minutes=1) as log:
        assert log._show(10).endswith(", 0:00:40 left")

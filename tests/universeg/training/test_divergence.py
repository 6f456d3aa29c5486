import numpy as np

from universeg.training.divergence import RECENT, LossMonitor
from universeg.training.training_log import TrainingLog


def told(losses):
    """Steps after which something is told."""
    watch = LossMonitor()
    return {step: words for step, loss in enumerate(losses, 1) if (words := watch.update(loss))}


def around(mean, steps):
    """Losses of one task a step: in [0, 1], and as unequal as those of the weights in the package."""
    return np.random.default_rng(0).beta(4 * mean, 4 * (1 - mean), steps)


def test_a_loss_that_rises_most_of_the_way_back_is_told_once():
    losses = [*around(0.3, 1000), *around(0.85, 1000)]
    ((step, words),) = told(losses).items()
    assert 1000 < step <= 1000 + RECENT
    assert "the loss has collapsed: its mean over 200 steps is 0.6" in words
    assert "--init" in words


def test_what_is_usual_is_not_told():
    assert not told(around(0.3, 20_000))
    assert not told(np.linspace(1.6, 0.9, 2000))  # with cross-entropy, at first
    assert not told([*around(0.9, 500), *around(0.95, 500)])  # nothing was learnt that could be lost
    assert not told([*around(0.02, 500), *around(0.1, 500)])  # one easy task
    assert not told([0.3] * 1000 + [1.0] * (RECENT // 3))


def test_a_run_tells_it_on_the_terminal(tmp_path, capsys):
    with TrainingLog(tmp_path, 0, 2 * RECENT, quiet=False) as log:
        for step in range(1, 2 * RECENT + 1):
            log.step(step, 0.2 if step <= RECENT else 0.9, {}, 4, 0.1, 0.0)
    assert capsys.readouterr().err.count("step 315: the loss has collapsed") == 1

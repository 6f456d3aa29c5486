"""Steps whose losses are read a step later, as on a GPU: here on a CPU, with the same fused optimiser."""

from dataclasses import replace

import pytest
import torch
from runs import rows

from universeg.training.checkpoint import checkpoints
from universeg.training.learnt import Learnt, TrainingError, read_late
from universeg.training.trainer import Trainer, train


@pytest.fixture(autouse=True)
def no_graphs(monkeypatch):
    """This machine may have none."""
    monkeypatch.setattr("universeg.training.gradients.MOST_PIXELS", 0)


@pytest.fixture
def late(monkeypatch):
    """Read losses a step later."""
    monkeypatch.setattr("universeg.training.trainer.read_late", lambda device: True)


def test_only_a_gpu_is_read_late():
    assert read_late(torch.device("cuda", 1))
    assert not read_late(torch.device("cpu"))


@pytest.mark.slow
def test_a_run_that_reads_late_logs_the_same(config, tmp_path, monkeypatch):
    config = replace(config, steps=7, validate_every=3, checkpoint_every=4, clip=0.1, ema=0.5, batch_size=2)
    train(config)
    monkeypatch.setattr("universeg.training.trainer.read_late", lambda device: True)
    train(late := replace(config, out=tmp_path / "late"))
    for key in ("loss", "dev_dice", "support_size"):
        assert [step for step, _ in rows(late, key)] == [step for step, _ in rows(config, key)]
        assert [value for _, value in rows(late, key)] == pytest.approx([v for _, v in rows(config, key)], rel=1e-2)
    assert [path.name for path in checkpoints(late.out)] == [path.name for path in checkpoints(config.out)]


@pytest.mark.slow
def test_losses_are_read_in_the_next_step_unless_something_follows(config, late, monkeypatch):
    done = list[tuple[str, int]]()
    learn, read = Trainer.learn, Trainer._read
    monkeypatch.setattr(Trainer, "learn", lambda self, e: done.append(("learn", self.state.step + 1)) or learn(self, e))
    monkeypatch.setattr(
        Trainer, "_read", lambda self, step: done.append(("read", step.learnt.step)) or read(self, step)
    )
    train(replace(config, steps=5, validate_every=3, checkpoint_every=100))
    order = [("learn", 1), ("learn", 2), ("read", 1), ("learn", 3), ("read", 2), ("read", 3)]  # then a validation
    assert done == [*order, ("learn", 4), ("learn", 5), ("read", 4), ("read", 5)]


def test_the_time_limit_is_seen_a_step_later_by_all_processes_alike(config, late):
    train(replace(config, steps=100, minutes=1e-6, validate_every=50, checkpoint_every=50))
    assert [step for step, _ in rows(config, "loss")] == [1, 2]
    assert [path.stem for path in checkpoints(config.out)] == ["step-00000002"]


@pytest.mark.parametrize("what", ["loss", "norm of the gradients"])
def test_a_number_that_is_not_finite_changes_no_weights_although_it_is_read_late(config, late, what):
    trainer = Trainer(replace(config, clip=1))
    trainer.learn(trainer.load(1)).check()
    before = [weights.clone() for weights in trainer.state.model.parameters()]
    if what == "loss":
        trainer.gradients._cross_entropy = float("nan")
    else:
        trainer.state.model.out_conv.conv.weight.register_hook(lambda gradient: gradient * float("inf"))
    learnt = trainer.learn(trainer.load(2))
    assert all(torch.equal(old, new) for old, new in zip(before, trainer.state.model.parameters(), strict=True))
    with pytest.raises(TrainingError, match=rf"step 2: the {what} is not finite, .*for the tasks \w"):
        learnt.check()


def test_a_run_stops_at_the_step_whose_loss_is_not_finite(config, late, monkeypatch):
    learn = Trainer.learn

    def fail_at_3(trainer, episodes):
        if trainer.state.step == 2:
            trainer.gradients._cross_entropy = float("nan")
        return learn(trainer, episodes)

    monkeypatch.setattr(Trainer, "learn", fail_at_3)
    with pytest.raises(TrainingError, match="step 3: the loss is not finite"):
        train(replace(config, steps=9, validate_every=50, checkpoint_every=4))
    assert checkpoints(config.out) == [], "nothing is saved after a step that failed"


@pytest.mark.slow
def test_a_run_continues_on_another_device(config, monkeypatch):
    """A checkpoint of the plain optimiser continues with the fused one, and the other way round."""
    whole = replace(config, out=config.out.parent / "whole", steps=6)
    train(whole)
    for steps, is_late in ((2, False), (4, True), (6, False)):
        monkeypatch.setattr("universeg.training.trainer.read_late", lambda device, late=is_late: late)
        train(replace(config, steps=steps))
    assert [loss for _, loss in rows(config, "loss")] == pytest.approx(
        [loss for _, loss in rows(whole, "loss")], rel=1e-3
    )


def test_pairs_are_read_as_a_sequence():
    learnt = Learnt(1, ["a", "b"], torch.tensor([0.5, 0.25]), torch.tensor(1.0))
    assert list(learnt) == [("a", 0.5), ("b", 0.25)]
    assert learnt[-1:] == [("b", 0.25)]
    assert len(learnt) == 2

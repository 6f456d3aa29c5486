"""Steps that are recorded for their shape; on a CPU with a stand-in for the record."""

from dataclasses import replace

import pytest
import torch
from runs import rows

from universeg.model.fast.graphs import SEEN_BEFORE
from universeg.training import gradients
from universeg.training.trainer import Trainer, train


class Replayed:
    """Stands in for a graph: it computes again, and writes into the same tensors each time."""

    made = 0

    def __init__(self, compute, pool):
        Replayed.made += 1
        self.compute = compute
        self.results = compute()
        held = [cell.cell_contents for cell in compute.__closure__]
        (self.parameters,) = (one._parameters for one in held if isinstance(one, gradients._RecordedStep))
        self.written = [parameter.grad for parameter in self.parameters]

    def __call__(self):
        with torch.no_grad():
            with torch.enable_grad():
                now = self.compute()
            for mine, new in zip(self.results, now, strict=True):
                mine.copy_(new)
            for mine, parameter in zip(self.written, self.parameters, strict=True):
                if mine is not None:
                    mine.copy_(parameter.grad)
                parameter.grad = None  # a graph writes to its own memory only
        return self.results


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.setattr(gradients, "Recorded", Replayed)
    monkeypatch.setattr("universeg.training.trainer.read_late", lambda device: True)
    monkeypatch.setattr(Replayed, "made", 0)


@pytest.mark.slow
def test_recorded_steps_learn_the_same(config, tmp_path, recorded, monkeypatch):
    config = replace(config, steps=9, ema=0.5, clip=0.5)
    train(config)
    assert Replayed.made == 1
    monkeypatch.setattr(gradients, "MOST_PIXELS", 0)  # nothing is small enough
    train(plain := replace(config, out=tmp_path / "plain"))
    assert Replayed.made == 1
    assert rows(config, "loss") == rows(plain, "loss")


def test_a_step_is_recorded_for_each_n(config, recorded):
    trainer = Trainer(config)
    for number in range(2 * (SEEN_BEFORE + 1)):
        trainer.learn(trainer.load(number + 1, 1 + number % 2))
    assert Replayed.made == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_a_gpu_recorded_steps_learn_the_same(config, tmp_path, monkeypatch):
    config = replace(config, steps=9, ema=0.5, clip=0.5, device="cuda")
    train(config)
    monkeypatch.setattr(gradients, "MOST_PIXELS", 0)
    train(plain := replace(config, out=tmp_path / "plain"))
    found, expected = ([loss for _, loss in rows(run, "loss")] for run in (config, plain))
    assert found == pytest.approx(expected, rel=1e-2)

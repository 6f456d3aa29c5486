"""Runs that are killed, stopped, finished or interrupted continue as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from runs import command, rows, wait_for

from universeg.model import load_model
from universeg.training import trainer as trainer_module
from universeg.training.augment import AugmentConfig
from universeg.training.checkpoint import checkpoints
from universeg.training.trainer import Trainer, train


@pytest.fixture
def everything(config):
    """A config with everything that has a state or random draws, small enough for many runs."""
    return replace(
        config, steps=7, size=16, batch_size=2, synthetic=("nested",), augment=AugmentConfig(), ema=0.9,
        schedule="cosine", warmup=2, clip=1.0, least_support_size=1, dev_episodes=2, validate_every=3,
        checkpoint_every=2,
    )  # fmt: skip


def assert_same_result(run, other):
    for key in ("loss", "support_size", "dev_dice"):
        assert rows(run, key) == rows(other, key), key
    one, two = (torch.load(checkpoints(each.out)[-1], weights_only=True) for each in (run, other))
    for part in ("model", "average"):
        assert all(torch.equal(two[part][name], tensor) for name, tensor in one[part].items()), part
    assert [one[name] for name in ("step", "best", "validated")] == [
        two[name] for name in ("step", "best", "validated")
    ]
    for name in ("best", "last"):
        one, two = (load_model(each.out / f"{name}.safetensors").state_dict() for each in (run, other))
        assert all(torch.equal(two[key], tensor) for key, tensor in one.items()), name


@pytest.mark.slow
def test_a_run_continues_bit_for_bit_wherever_it_was_killed(everything, tmp_path, monkeypatch):
    """Copies of the run's folder at various moments are what a kill at that moment leaves behind."""
    moments = {}

    def copied_before(owner, name, step):
        function = getattr(owner, name)

        def copy_and_call(*args, **kwargs):
            if trainer.state.step == step:
                moment = f"before {name} after step {step}"
                moments[moment] = shutil.copytree(everything.out, tmp_path / moment)
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, copy_and_call)

    trainer = Trainer(everything)
    copied_before(Trainer, "learn", 1)
    copied_before(Trainer, "_validate", 3)
    copied_before(trainer_module, "save", 4)
    copied_before(Trainer, "_write_weights", 6)
    assert trainer.run() == 0
    monkeypatch.undo()
    assert len(moments) == 4
    assert [step for step, _ in rows(everything, "loss")] == list(range(1, 8))
    for folder in moments.values():
        with (folder / "metrics.jsonl").open("a") as log:
            log.write('{"step": 9, "lo')  # the kill can interrupt a write
        killed = replace(everything, out=folder)
        assert train(killed) == 0
        assert_same_result(killed, everything)


def test_a_run_with_tasks_made_at_once_continues_bit_for_bit(everything, tmp_path):
    whole = replace(
        everything, stores=(), synthetic=("nested", "bands"), steps=4, schedule="constant", batch_size=4,
        tasks_at_once=2, dev_episodes=1, validate_every=2,
    )  # fmt: skip
    train(whole)
    stopped = replace(whole, out=tmp_path / "stopped")
    train(replace(stopped, steps=2))
    train(stopped)
    assert_same_result(stopped, whole)
    with pytest.raises(ValueError, match=r"another run[\s\S]*tasks_at_once: was 2, is 4"):
        train(replace(stopped, tasks_at_once=4, steps=5))


@pytest.mark.weekly
def test_a_run_that_gets_sigkill_leaves_no_process_and_continues_bit_for_bit(everything, tmp_path):
    """The same with a real signal to a real process with two loader processes, after its first checkpoint."""
    killed = replace(everything, out=tmp_path / "killed", steps=1000, schedule="constant", validate_every=2)
    extra = "--size 16 --batch-size 2 --synthetic nested --ema 0.9 --warmup 2 --clip 1 --least-support-size 1"
    words = [*command(killed), *extra.split(), "--dev-episodes", "2", "--loaders", "2", "-q"]
    process = subprocess.Popen(
        [sys.executable, "-m", "universeg", "train", *words],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    wait_for(lambda: len(rows(killed, "loss")) >= 5, process)
    process.kill()
    process.communicate()  # returns when the loaders have closed its stderr too
    until = time.monotonic() + 30
    while group_exists(process.pid):
        assert time.monotonic() < until, "a loader process still runs"
        time.sleep(0.05)
    assert checkpoints(killed.out)
    reached = rows(killed, "loss")[-1][0]
    for run in (killed, whole := replace(killed, out=tmp_path / "whole")):
        train(replace(run, steps=reached + 2))
    assert_same_result(whole, killed)


def group_exists(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_signal_during_validation_loses_no_validation(config):
    config = replace(config, steps=4, validate_every=2, checkpoint_every=2)
    trainer = Trainer(config)
    load = trainer.source.dev[0]

    def stop_and_load():
        signal.raise_signal(signal.SIGTERM)
        return load()

    trainer.source.dev[0] = stop_and_load
    assert trainer.run() == signal.SIGTERM
    assert rows(config, "dev_dice") == []
    assert train(config) == 0
    assert [step for step, _ in rows(config, "dev_dice")] == [2, 4]
    assert [step for step, _ in rows(config, "loss")] == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_finished_run_can_be_extended(config, tmp_path):
    train(replace(config, steps=3))
    before = checkpoints(config.out)
    train(replace(config, steps=3))
    assert checkpoints(config.out) == before
    train(replace(config, steps=5))
    assert [step for step, _ in rows(config, "loss")] == [1, 2, 3, 4, 5]
    train(whole := replace(config, steps=5, out=tmp_path / "whole"))
    assert rows(config, "loss") == rows(whole, "loss")


def test_a_run_can_start_from_the_weights_of_another(config, tmp_path):
    train(replace(config, steps=2, size=16, support_size=1))
    weights = config.out / "best.safetensors"
    second = replace(config, out=tmp_path / "second", init=weights)
    trainer, first = Trainer(second), load_model(weights).state_dict()
    assert all(torch.equal(first[name], tensor) for name, tensor in trainer.state.model.state_dict().items())
    assert trainer.source.size == 32
    with pytest.raises(ValueError, match=r"best.safetensors holds .*\(8, 8, 8\).*this run has .*\(8, 8\)"):
        Trainer(replace(second, model=replace(config.model, widths=(8, 8))))

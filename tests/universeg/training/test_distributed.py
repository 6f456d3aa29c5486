"""Two processes on this machine learn the same as one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import command, rows, wait_for
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from universeg.training.augment import AugmentConfig
from universeg.training.checkpoint import checkpoints
from universeg.training.distributed import Ranks
from universeg.training.trainer import train

EXTRA = "--batch-size 4 --synthetic nested --ema 0.9 --clip 0.5 --least-support-size 1 --dev-episodes 4 -q"


@pytest.fixture
def alone(config):
    """The config of EXTRA, for one process."""
    return replace(
        config, steps=6, batch_size=4, synthetic=("nested",), ema=0.9, clip=0.5, least_support_size=1, dev_episodes=4,
        validate_every=4,
    )  # fmt: skip


def torchrun(config):
    program = [Path(sys.executable).parent / "torchrun", "--standalone", "--nproc-per-node", "2", "-m"]
    words = [*program, "universeg", "train", *command(config, *EXTRA.split())]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)


def scalars(config):
    """The steps and values of every scalar that a run wrote to TensorBoard."""
    events = EventAccumulator(str(config.out / "tensorboard"))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.slow
def test_two_processes_learn_the_same_as_one(alone, tmp_path):
    alone = replace(alone, augment=AugmentConfig())
    process = torchrun(two := replace(alone, out=tmp_path / "two"))
    train(alone)
    assert process.communicate()[1].count("Error") == 0
    assert process.returncode == 0
    np.testing.assert_allclose(rows(two, "loss")[:3], rows(alone, "loss")[:3], rtol=1e-5)
    for key in ("loss", "dev_dice", "support_size"):
        # Sums over two items are rounded differently from sums over four, and each step of Adam enlarges that.
        np.testing.assert_allclose(rows(two, key), rows(alone, key), rtol=1e-3, err_msg=key)
    found, expected = scalars(two), scalars(alone)
    assert found.keys() == expected.keys() >= {"loss of dataset/One", "loss of dataset/Synthetic nested"}
    for tag, values in expected.items():
        np.testing.assert_allclose(found[tag], values, rtol=1e-3, err_msg=tag)
    first, second = (torch.load(checkpoints(run.out)[-1], weights_only=True)["average"] for run in (alone, two))
    assert all(torch.allclose(second[name], tensor, atol=1e-3) for name, tensor in first.items())
    assert sorted(p.name for p in two.out.iterdir()) == sorted(p.name for p in alone.out.iterdir())


@pytest.mark.weekly
def test_two_processes_stop_together_and_one_can_continue(alone):
    config = replace(alone, steps=100_000, checkpoint_every=100_000, validate_every=100_000)
    process = torchrun(config)
    wait_for(lambda: len(rows(config, "loss")) > 3, process)
    process.terminate()
    process.communicate(timeout=60)
    (path,) = checkpoints(config.out)
    done = rows(config, "loss")[-1][0]
    assert int(path.stem[5:]) == done
    train(replace(config, steps=done + 2))
    assert [step for step, _ in rows(config, "loss")] == list(range(1, done + 3))


def test_items_are_divided_evenly():
    assert [list(Ranks(rank, 3).items(6)) for rank in range(3)] == [[0, 3], [1, 4], [2, 5]]
    message = "batch_size must be a multiple of the number of processes, 2, got 3; try --batch-size 2"
    with pytest.raises(ValueError, match=message):
        Ranks(0, 2).items(3)
    assert list(Ranks(1, 2).items(8, tasks_at_once=4)) == [1, 3, 5, 7]
    message = "number of processes, 2 times tasks_at_once, 3, got 8; try --batch-size 6"
    with pytest.raises(ValueError, match=message):
        Ranks(0, 2).items(8, tasks_at_once=3)


def test_without_torchrun_there_is_one_process():
    alone = Ranks.of_torchrun()
    assert alone == Ranks()
    assert alone.first
    assert alone.gather([1, 0.1]) == [[1, 0.1]]
    assert (alone.any(True), alone.any(False)) == (True, False)


def test_each_of_several_processes_has_its_own_gpu():
    assert Ranks().device("cuda") == "cuda"
    assert Ranks(3, 4, 1).device("cuda") == "cuda:1"
    assert Ranks(3, 4, 1).device("cpu") == "cpu"

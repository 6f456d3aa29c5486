"""Two processes on this machine must learn as one does."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import command, rows, steps_of, wait_for

from universeg.training.augment import AugmentConfig
from universeg.training.checkpoint import checkpoints
from universeg.training.distributed import Ranks
from universeg.training.trainer import train

EXTRA = [
    "--batch-size",
    "4",
    "--synthetic",
    "nested",
    "--ema",
    "0.9",
    "--clip",
    "0.5",
    "--least-support-size",
    "1",
    "-q",
]


def torchrun(config, *extra):
    program = [Path(sys.executable).parent / "torchrun", "--standalone", "--nproc-per-node", "2", "-m"]
    words = [*program, "universeg", "train", *command(config, *EXTRA, *extra)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_learn_as_one_does(config, tmp_path):
    config = replace(config, augment=AugmentConfig())
    process = torchrun(two := replace(config, out=tmp_path / "two"))
    more = {"batch_size": 4, "synthetic": ("nested",), "ema": 0.9, "clip": 0.5, "least_support_size": 1}
    train(replace(config, **more))
    assert process.communicate()[1].count("Error") == 0
    assert process.returncode == 0
    for key in ("loss", "dev_dice", "support_size"):
        (steps, alone), (others, together) = (zip(*rows(run, key), strict=True) for run in (config, two))
        assert steps == others
        if key == "loss":
            np.testing.assert_allclose(together[:3], alone[:3], rtol=1e-5)
        # Sums over two items round otherwise than over four, and each step of Adam enlarges that.
        np.testing.assert_allclose(together, alone, rtol=1e-3, err_msg=key)
    first, second = (torch.load(checkpoints(run.out)[-1], weights_only=True)["average"] for run in (config, two))
    assert all(torch.allclose(second[name], tensor, atol=1e-3) for name, tensor in first.items())
    assert sorted(p.name for p in two.out.iterdir()) == sorted(p.name for p in config.out.iterdir())


@pytest.mark.slow
def test_two_processes_stop_together_and_go_on(config, tmp_path):
    config = replace(config, steps=100_000, checkpoint_every=100_000, validate_every=100_000)
    process = torchrun(config)
    wait_for(lambda: steps_of(config) > 3, process)
    process.terminate()
    process.communicate(timeout=180)
    (path,) = checkpoints(config.out)
    done = rows(config, "loss")[-1][0]
    assert int(path.stem[5:]) == done
    process = torchrun(replace(config, steps=done + 2))
    process.communicate(timeout=180)
    assert process.returncode == 0
    assert [step for step, _ in rows(config, "loss")] == list(range(1, done + 3))


def test_items_are_shared_out_evenly():
    assert [list(Ranks(rank, 3).items(6)) for rank in range(3)] == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 2 processes, got 3; try --batch-size 2"):
        Ranks(0, 2).items(3)


def test_without_torchrun_there_is_one():
    alone = Ranks.of_torchrun()
    assert alone == Ranks()
    assert alone.first
    assert alone.gathered([1, 2]) == [1, 2]
    assert (alone.any(True), alone.any(False)) == (True, False)
    assert (alone.device("cuda"), Ranks(3, 4, 1).device("cuda"), Ranks(3, 4, 1).device("cpu")) == (
        "cuda",
        "cuda:1",
        "cpu",
    )

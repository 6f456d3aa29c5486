import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from universeg.checkpoint import checkpoints
from universeg.compute import Compute
from universeg.config import TrainConfig
from universeg.model import ModelConfig, load_model
from universeg.stopping import stop_signals
from universeg.train import Training, TrainingError, main, train

SMALL = ModelConfig(widths=(8, 8, 8))


@pytest.fixture
def config(stores_folder, tmp_path):
    return TrainConfig(
        stores=(stores_folder,), out=tmp_path / "run", steps=12, support_size=3, model=SMALL, learning_rate=1e-3,
        precision="float32", device="cpu", validate_every=5, checkpoint_every=4, quiet=True,
    )  # fmt: skip


def command(config, *extra):
    options = {
        "--out": config.out, "--steps": config.steps, "--support-size": config.support_size, "--precision": "float32",
        "--learning-rate": config.learning_rate, "--validate-every": config.validate_every,
        "--checkpoint-every": config.checkpoint_every,
    }  # fmt: skip
    given = [str(word) for pair in options.items() for word in pair]
    return [*given, "--stores", str(config.stores[0]), "--model.widths", "8", "8", "8", "--device", "cpu", *extra]


def rows(config, key):
    lines = (config.out / "metrics.jsonl").read_text().splitlines()
    return [(row["step"], row[key]) for row in map(json.loads, lines) if key in row]


def test_it_learns_and_leaves_what_it_says(config):
    config = replace(config, steps=60, batch_size=2, validate_every=30, checkpoint_every=25)
    assert train(config) == 0
    losses = [loss for _, loss in rows(config, "loss")]
    assert len(losses) == 60
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:5])
    dev = rows(config, "dev_dice")
    assert [step for step, _ in dev] == [30, 60]
    assert [path.stem for path in checkpoints(config.out)] == ["step-00000050", "step-00000060"]
    assert load_model(config.out / "best.safetensors").config == SMALL
    last = load_model(config.out / "last.safetensors").state_dict()
    kept = torch.load(checkpoints(config.out)[-1], weights_only=True)
    assert kept["best"] == max(dice for _, dice in dev)
    assert all(torch.equal(last[name], tensor) for name, tensor in kept["model"].items())
    assert list((config.out / "tensorboard").iterdir())


def test_a_killed_run_goes_on_bit_for_bit(config, tmp_path):
    config = replace(config, steps=60)
    train(config)
    killed = replace(config, out=tmp_path / "killed")
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen([sys.executable, "-m", "universeg.train", *command(killed, "-q")], env=environment)
    wait_for(lambda: len(checkpoints(killed.out)) == 2, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = rows(killed, "loss")[-1][0]
    assert done < 60, "it was killed too late to show anything"
    train(killed)
    for key in ("loss", "dev_dice"):
        assert rows(killed, key) == rows(config, key)
    whole, again = (torch.load(checkpoints(c.out)[-1], weights_only=True) for c in (config, killed))
    assert all(torch.equal(again["model"][name], tensor) for name, tensor in whole["model"].items())
    assert again["best"] == whole["best"]


def wait_for(condition, process):
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < until
        time.sleep(0.005)


def test_it_saves_when_told_to_stop(config):
    config = replace(config, steps=100_000, checkpoint_every=100_000, validate_every=100_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "universeg.train", *command(config)], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: (config.out / "metrics.jsonl").exists() and rows(config, "loss"), process)
    process.terminate()
    words = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert "3 tasks of 2 datasets at 32 pixels, on cpu in float32" in words
    assert "left out: datasets that are held out: Kept" in words
    (path,) = checkpoints(config.out)
    assert int(path.stem[5:]) == rows(config, "loss")[-1][0]
    assert f"stopped by SIGTERM, saved after step {int(path.stem[5:])}" in words


def test_a_finished_run_can_be_prolonged(config, capsys):
    train(config)
    before = checkpoints(config.out)
    main(command(config))
    assert "all 12 steps are done; a larger --steps goes on" in capsys.readouterr().err
    assert checkpoints(config.out) == before
    train(replace(config, steps=14))
    assert [step for step, _ in rows(config, "loss")] == list(range(1, 15))


def test_time_is_a_limit_too(config):
    train(replace(config, steps=100_000, minutes=1e-4))
    assert len(checkpoints(config.out)) == 1
    assert rows(config, "dev_dice")


def test_it_never_waits_long_for_data(config):
    train(config)
    waited, seconds = (sum(value for _, value in rows(config, key)) for key in ("waited", "seconds"))
    assert waited < 0.5 * seconds


def test_a_loss_that_is_not_finite_stops_it_and_names_the_task(config):
    training = Training(config)
    training.state.model.out_conv.conv.weight.data.fill_(float("nan"))
    with pytest.raises(
        TrainingError, match=r"step 1: the loss is not finite, \[nan\], for the tasks \w+/g/m/\w/0; try"
    ):
        training.run()
    assert checkpoints(config.out) == []


def test_without_a_dev_split_there_is_no_best(tmp_path, make_store, config):
    make_store(tmp_path, "NoDev", splits=["support"] * 3)
    train(replace(config, stores=(tmp_path / "NoDev.lmdb",), steps=5))
    assert (config.out / "last.safetensors").exists()
    assert not (config.out / "best.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("support_size must be at least 1, got 0", ["--support-size", "0"]),
        ("no task fits the pattern 'Foo'", ["--tasks", "Foo"]),
        ("there is no store", ["--stores", "."]),
        ("must be multiples of 64, got 32 x 32", ["--model.widths", *["1"] * 7]),
    ],
)
def test_mistakes_are_explained(config, capsys, words, extra):
    with pytest.raises(SystemExit) as stop:
        main(command(config, *extra))
    assert stop.value.code
    captured = capsys.readouterr()
    assert words in captured.err + captured.out


def test_help_has_every_option(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for field in fields(TrainConfig):
        assert f"--{field.name.replace('_', '-')}" in words
    assert "Image-mask pairs N by which a query is segmented" in words


def test_bfloat16_trains_too(config):
    train(replace(config, precision="bfloat16", steps=4))
    assert all(np.isfinite(loss) for _, loss in rows(config, "loss"))
    assert torch.load(checkpoints(config.out)[-1], weights_only=True)["config"]["precision"] == "bfloat16"


def test_the_second_signal_has_its_usual_effect():
    with stop_signals() as caught:
        os.kill(os.getpid(), signal.SIGINT)
        assert caught == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_where_and_how_precisely_to_compute():
    assert Compute.chosen("cpu").precision == torch.float32
    assert Compute.chosen("auto", "auto").precision in (torch.float32, torch.bfloat16)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match=r"cannot be used here.*try --device cpu"):
            Compute.chosen("cuda")


@pytest.mark.gpu
def test_it_trains_on_a_gpu(config):
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    train(replace(config, device="cuda", precision="auto"))
    assert len(rows(config, "loss")) == 12

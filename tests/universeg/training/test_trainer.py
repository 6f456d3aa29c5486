import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from runs import command, rows, steps_of, wait_for
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from universeg.base.device import Compute
from universeg.episodes.episode import Batch, LoadedEpisode
from universeg.model import ModelConfig, load_model
from universeg.training.augment import AugmentConfig
from universeg.training.checkpoint import checkpoints
from universeg.training.config import TrainConfig
from universeg.training.signals import stop_signals
from universeg.training.trainer import Training, TrainingError, main, train


def test_it_learns_and_leaves_what_it_says(config):
    config = replace(config, steps=60, batch_size=2, validate_every=30, checkpoint_every=25)
    assert train(config) == 0
    losses = [loss for _, loss in rows(config, "loss")]
    assert len(losses) == 60
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:5])
    dev = rows(config, "dev_dice")
    assert [step for step, _ in dev] == [30, 60]
    assert [path.stem for path in checkpoints(config.out)] == ["step-00000050", "step-00000060"]
    assert load_model(config.out / "best.safetensors").config == config.model
    last = load_model(config.out / "last.safetensors").state_dict()
    kept = torch.load(checkpoints(config.out)[-1], weights_only=True)
    assert kept["best"] == max(dice for _, dice in dev)
    assert all(torch.equal(last[name], tensor) for name, tensor in kept["model"].items())
    assert list((config.out / "tensorboard").iterdir())


@pytest.mark.slow
def test_a_run_killed_anywhere_goes_on_bit_for_bit(config, stores_folder, tmp_path):
    """With everything that has a state or draws: averages, a falling rate, N, synthetic tasks, augmentations."""
    config = replace(config, augment=AugmentConfig())
    extra = ["--steps", "24", "--synthetic", "nested", "--batch-size", "2", "--ema", "0.9", "--schedule", "cosine"]
    extra += [
        "--warmup",
        "5",
        "--clip",
        "1",
        "--least-support-size",
        "1",
        "--loaders",
        "2",
        "--dev-episodes",
        "4",
        "-q",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(run):
        words = [sys.executable, "-m", "universeg", "train", *command(run), *extra]
        return subprocess.Popen(words, env=environment)

    killed, kills = replace(config, out=tmp_path / "killed"), 0
    rng = np.random.default_rng(os.getpid())
    # Together at least nine lines of the log, so that a checkpoint is passed, which comes every four steps.
    moments = list(zip(rng.integers(3, 9, 3), rng.uniform(0, 0.1, 3), strict=True))
    for steps, delay in moments:
        process, until = start(killed), steps_of(killed) + steps
        wait_for(lambda p=process, until=until: p.poll() is not None or steps_of(killed) >= until, process)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills, f"it was never killed while it ran {moments}"
    assert checkpoints(killed.out), moments
    whole = start(config)
    assert start(killed).wait() == whole.wait() == 0
    for key in ("loss", "support_size", "dev_dice"):
        assert rows(killed, key) == rows(config, key), moments
    assert [step for step, _ in rows(killed, "loss")] == list(range(1, 25))
    contents = [torch.load(checkpoints(one.out)[-1], weights_only=True) for one in (config, killed)]
    for part in ("model", "average"):
        first, again = (content[part] for content in contents)
        assert all(torch.equal(again[name], tensor) for name, tensor in first.items())
    assert contents[0]["best"] == contents[1]["best"]
    for name in ("best", "last"):
        one, other = (load_model(run.out / f"{name}.safetensors").state_dict() for run in (config, killed))
        assert all(torch.equal(other[key], tensor) for key, tensor in one.items())


@pytest.mark.slow
def test_it_saves_when_told_to_stop(config):
    config = replace(config, steps=100_000, checkpoint_every=100_000, validate_every=100_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "universeg", "train", *command(config)], stderr=subprocess.PIPE, text=True
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


@pytest.mark.slow
def test_it_never_waits_long_for_data(config):
    train(replace(config, steps=40, model=ModelConfig(widths=(24, 24, 24))))
    seconds, waited = ([value for _, value in rows(config, key)][1:] for key in ("seconds", "waited"))  # but at first
    assert sum(waited) < 0.05 * sum(seconds)


def test_a_signal_during_validation_loses_no_validation(config):
    config = replace(config, steps=20, validate_every=10, checkpoint_every=10)
    training = Training(config)
    draws = list(training.source.dev)

    def draw():
        os.kill(os.getpid(), signal.SIGTERM)
        return draws[0]()

    training.source.dev[0] = draw
    assert training.run() == signal.SIGTERM
    assert rows(config, "dev_dice") == []
    train(config)
    assert [step for step, _ in rows(config, "dev_dice")] == [10, 20]
    assert [step for step, _ in rows(config, "loss")] == list(range(1, 21))


def test_the_averaged_weights_are_the_ones_that_are_kept(config):
    train(replace(config, ema=0.8, steps=10))
    content = torch.load(checkpoints(config.out)[-1], weights_only=True)
    last = load_model(config.out / "last.safetensors").state_dict()
    assert all(torch.equal(content["average"][f"module.{name}"], tensor) for name, tensor in last.items())
    assert not torch.equal(content["model"]["out_conv.conv.weight"], last["out_conv.conv.weight"])
    training = Training(replace(config, ema=0.8, steps=10))
    assert training.state.network is training.state.average.module


def test_a_run_can_start_from_the_weights_of_another(config, tmp_path):
    train(replace(config, size=16, support_size=1))
    weights = config.out / "best.safetensors"
    second = replace(config, out=tmp_path / "second", init=weights)
    training, first = Training(second), load_model(weights).state_dict()
    assert all(torch.equal(first[name], tensor) for name, tensor in training.state.model.state_dict().items())
    assert training.source.size == 32
    with pytest.raises(ValueError, match=r"best.safetensors holds .*\(8, 8, 8\).*the run is of .*\(8, 8\)"):
        Training(replace(second, model=ModelConfig(widths=(8, 8))))


def test_gradients_are_clipped_and_rates_follow_the_schedule(config):
    training = Training(replace(config, clip=1e-3, warmup=10, schedule="cosine"))
    before = [weights.clone() for weights in training.state.model.parameters()]
    seen = []
    training.state.optimiser.register_step_pre_hook(
        lambda optimiser, args, kwargs: seen.append(
            (optimiser.param_groups[0]["lr"], sum(p.grad.square().sum() for p in before_step(training)).sqrt().item())
        )
    )
    training.learn(training.load(1))
    ((rate, norm),) = seen
    assert rate == pytest.approx(config.learning_rate / 10)
    assert norm <= 1e-3 * 1.001
    assert any(not torch.equal(old, new) for old, new in zip(before, training.state.model.parameters(), strict=True))


def before_step(training):
    return [weights for weights in training.state.model.parameters() if weights.grad is not None]


def test_the_network_learns_from_augmented_episodes(config):
    config = replace(config, batch_size=3)
    plain, changed = Training(config), Training(replace(config, augment=AugmentConfig()))
    drawn = plain.load(1)
    losses = [training.learn(drawn) for training in (plain, changed)]
    assert all(before != after for before, after in zip(*losses, strict=True))
    again, parts = Training(replace(config, augment=AugmentConfig())), list[float]()
    for item in range(3):  # an episode's augmentation does not depend on its batch
        part = Training(replace(config, augment=AugmentConfig()))
        part.items = range(item, item + 1)
        parts += [loss for _, loss in part.learn(drawn[item : item + 1])]
    assert parts == pytest.approx([loss for _, loss in again.learn(drawn)], rel=1e-5)


def test_the_loss_may_have_cross_entropy_too(config):
    plain, more = (Training(replace(config, cross_entropy=weight)).learn for weight in (0, 1))
    drawn = Training(config).load(1)
    assert more(drawn)[0][1] > plain(drawn)[0][1] + 0.05


def test_a_forecast_measures_and_writes_nothing(config, capsys, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 0, 0))
    wanted = replace(config, forecast=True, least_support_size=1, steps=5000, ema=0.9, minutes=0.001)
    assert train(wanted) == 0
    words = capsys.readouterr().out
    assert re.search(
        r"N = 1: .*\nN = 3: [\d.]+ s a step, [\d.]+ steps/s; data [\d.]+ s .*; memory of .* \d+ MiB", words
    )
    assert re.search(r"in 0.001 minutes: about \d+ of 5000 steps", words)
    assert re.search(r"5000 steps: about \d+:\d\d:\d\d, of that \d+ dev episodes every 5 steps", words)
    assert "on disk: " in words
    assert "others compute here as well (load 1000.0 on " in words
    assert not config.out.exists()


def test_training_and_dev_episodes_are_pictured(config):
    train(config)
    events = EventAccumulator(str(config.out / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    assert {event.step for event in events.Images("training episode")} == {1, 5, 10}
    assert {event.step for event in events.Images("dev episode")} == {5, 10, 12}
    assert {"loss", "loss of dataset/One", "loss of dataset/Two", "dev Dice"} <= set(events.Tags()["scalars"])


def test_a_loss_that_is_not_finite_stops_it_and_names_the_task(config):
    training = Training(config)
    training.state.model.out_conv.conv.weight.data.fill_(float("nan"))
    with pytest.raises(
        TrainingError, match=r"step 1: the loss is not finite, \[nan\], for the tasks \w+/g/m/\w/0; try"
    ):
        training.run()
    assert checkpoints(config.out) == []


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(config):
    training = Training(config)
    training.learn(training.load(1))
    before = [weights.clone() for weights in training.state.model.parameters()]
    training.state.model.out_conv.conv.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(
        TrainingError, match=r"step 2: the norm of the gradients is not finite, \[\w+\], for the tasks \w"
    ):
        training.learn(training.load(2))
    assert all(torch.equal(old, new) for old, new in zip(before, training.state.model.parameters(), strict=True))


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
    # Python ignores SIGINT where its parent did, as shells do for what runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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


@pytest.mark.parametrize(
    ("able", "precision"),
    [
        ({"amx_bf16": True, "cpu_name": "Intel Xeon"}, torch.bfloat16),
        ({"avx512_bf16": True, "cpu_name": "Intel Xeon"}, torch.float32),
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, torch.bfloat16),
        ({"cpu_name": "AMD EPYC"}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_precision_is_what_is_faster(monkeypatch, able, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert Compute.chosen("cpu", "auto").precision == precision


def test_entries_take_turns_as_the_query(config):
    """Two turns of an episode are two episodes with query and support exchanged, and their mean is learnt from."""
    config = replace(config, stores=(), synthetic=("nested",), size=16, support_size=1, turns=2)
    both, alone = Training(config), Training(replace(config, turns=1))
    (drawn,) = both.load(1)
    images, masks = (pixels[:, ::-1] for pixels in (drawn.pixels.images, drawn.pixels.masks))
    exchanged = LoadedEpisode(drawn.task, "1", Batch(images.copy(), masks.copy()))
    before = {name: tensor.clone() for name, tensor in alone.state.model.state_dict().items()}
    ((_, mean),) = both.learn([drawn])
    ((_, first),) = alone.learn([drawn])
    alone.state.model.load_state_dict(before)
    ((_, second),) = alone.learn([exchanged])
    assert mean == pytest.approx((first + second) / 2)
    assert abs(first - second) > 1e-3
    assert len(Training(replace(config, turns=5)).learn([drawn])) == 1, "no more turns than entries"


def test_turns_need_supports_in_which_nobody_is_twice(config):
    with pytest.raises(ValueError, match="turns must be 1 where there are stores, got 2"):
        replace(config, turns=2)


@pytest.mark.gpu
def test_it_trains_on_a_gpu(config):
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    train(replace(config, device="cuda", precision="auto"))
    assert len(rows(config, "loss")) == 12

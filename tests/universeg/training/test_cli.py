"""The command universeg-train: help, messages, exit status."""

import signal
import subprocess
import sys
from dataclasses import fields

import pytest
from runs import command, rows

from universeg.training import cli
from universeg.training.checkpoint import checkpoints
from universeg.training.cli import main
from universeg.training.config import TrainConfig
from universeg.training.trainer import Trainer


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        ("support_size must be at least 1, got 0", ["--support-size", "0"]),
        ("'Foo'", ["--tasks", "Foo"]),
        ("there is no store", ["--stores", "."]),
        ("must be multiples of 64, got 32 x 32", ["--model.widths", *["1"] * 7]),
    ],
)
def test_mistakes_are_explained(config, capsys, words, extra):
    with pytest.raises(SystemExit) as stop:
        main(command(config, *extra))
    assert stop.value.code in (1, 2)
    captured = capsys.readouterr()
    assert words in captured.err + captured.out
    assert "Traceback" not in captured.err


def test_help_has_every_option(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    names = {"network": "model"}  # the flag of a field with another name
    for field in fields(TrainConfig):
        assert f"--{names.get(field.name, field.name).replace('_', '-')}" in words
    assert "Image-mask pairs in the support set" in words


def test_the_version_is_printed(capsys):
    main(["--version"])
    assert capsys.readouterr().out.startswith("universeg-train (universeg ")


def test_a_missing_package_is_named(config, capsys, monkeypatch):
    monkeypatch.setattr(cli, "EXTRA", ("kornia", "no_such_package"))
    with pytest.raises(SystemExit) as stop:
        main(command(config))
    assert stop.value.code == 1
    message = "universeg-train: training needs no_such_package: pip install 'universeg[train]'\n"
    assert capsys.readouterr().err == message


def test_a_stopped_run_saves_and_returns_the_signal_as_exit_status(config, capsys, monkeypatch):
    learn = Trainer.learn

    def stopped_at_3(trainer, episodes):
        if trainer.state.step == 2:
            signal.raise_signal(signal.SIGTERM)
        return learn(trainer, episodes)

    monkeypatch.setattr(Trainer, "learn", stopped_at_3)
    with pytest.raises(SystemExit) as stop:
        main(command(config))
    assert stop.value.code == 128 + signal.SIGTERM
    assert [step for step, _ in rows(config, "loss")] == [1, 2, 3]
    assert [path.stem for path in checkpoints(config.out)] == ["step-00000003"]
    words = capsys.readouterr().err
    assert "3 tasks of 2 datasets at 32 pixels, on cpu in float32" in words
    assert "left out: datasets that are held out: Kept" in words
    assert "stopped by SIGTERM, saved after step 3" in words


def test_a_finished_run_says_how_to_continue(config, capsys):
    for _ in range(2):
        main(command(config, "--steps", "2"))
    words = capsys.readouterr().err
    assert "all 2 steps are done; give a larger --steps to continue" in words
    assert [path.stem for path in checkpoints(config.out)] == ["step-00000002"]
    main(command(config, "--steps", "3"))
    assert f"continuing from {checkpoints(config.out)[0]}" in capsys.readouterr().err
    assert [step for step, _ in rows(config, "loss")] == [1, 2, 3]


def test_a_forecast_is_printed_and_nothing_is_written(config, capsys):
    main(command(config, "--forecast"))
    captured = capsys.readouterr().out
    assert captured.startswith("N = 3: ")
    assert "\n12 steps: about " in captured
    assert not config.out.exists()


@pytest.mark.slow
def test_help_needs_no_package_of_the_extra():
    code = "import sys, universeg.training.cli; sys.exit('kornia' in sys.modules or 'tensorboard' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

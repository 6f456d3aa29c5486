"""Presets of the command line."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from universeg.model import ModelConfig
from universeg.training.cli import main
from universeg.training.config import TrainConfig
from universeg.training.presets import FOLDER, load_preset, parse_args


def parse(*args):
    return parse_args(args, "universeg-train", "")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_each_preset_is_a_config_and_is_named_in_the_help(path):
    config = parse("--preset", path.stem, "--out", "x")
    assert config != replace(TrainConfig(out=Path("x")), preset=path.stem), "the preset changes nothing"
    assert path.stem in Path(sys.modules[TrainConfig.__module__].__file__).read_text()


def test_flags_override_the_preset_and_the_preset_overrides_the_defaults():
    config = parse("--out", "x", "--preset=small-cpu", "--support-size", "3")
    assert (config.support_size, config.ema, config.batch_size) == (3, 0.999, 1)
    assert config.out == Path("x")


def test_the_preset_paper_has_the_settings_of_the_paper():
    config = parse("--preset", "paper", "--out", "x")
    assert (config.support_size, config.batch_size, config.learning_rate) == (64, 1, 1e-4)
    assert (config.schedule, config.ema, config.precision) == ("constant", 0, "float32")


def test_a_preset_can_be_a_file_of_the_user(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('stores = ["a", "b"]\nquiet = true\nforecast = false\n[model]\nwidths = [8, 4]\n')
    config = load_preset(str(path))
    assert config.stores == (Path("a"), Path("b"))
    assert config.model == ModelConfig(widths=(8, 4))
    assert config.quiet
    assert not config.forecast


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("suport-size = 3", "suport-size"),
        ('support-size = "many"', "support-size"),
        ("support-size = 0", "support_size must be at least 1"),
        ("support-size = ", "mine.toml"),
    ],
)
def test_a_wrong_preset_is_explained(tmp_path, capsys, text, words):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(SystemExit) as stop:
        main(["--preset", str(tmp_path / "mine.toml"), "--out", "x"])
    assert stop.value.code
    captured = capsys.readouterr()
    assert words in captured.err + captured.out
    assert "mine.toml" in (captured.err + captured.out).replace("\n", "")


def test_an_unknown_preset_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        main(["--preset", "large", "--out", "x"])
    assert "unknown preset 'large'; known: gpu, paper, small-cpu, or the path of" in capsys.readouterr().err

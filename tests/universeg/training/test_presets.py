"""Presets of the command line."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from universeg.model import PAPER, ModelConfig, UniverSeg
from universeg.training.augment import AugmentConfig
from universeg.training.augment.rows import ROWS
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


PAPERS = dict(
    support_size=64, least_support_size=0, batch_size=1, queries_per_episode=1, size=0, init=None, steps=1_000_000,
    minutes=0.0, learning_rate=1e-4, schedule="constant", warmup=0, clip=0.0, cross_entropy=0.0, ema=0.0, seed=0,
    precision="float32", synthetic=("F0",), synthetic_share=0.0213, tasks=("*",), exclude_tasks=(),
    validate_every=5000, patience=10, dev_synthetic=(), dev_episodes=512,
)  # fmt: skip
HELD_OUT = ("ACDC", "PanDental", "SCD", "STARE", "SpineWeb", "WBC-CV", "WBC-JTSC")


@pytest.mark.parametrize(("preset", "network"), [("paper", "paper"), ("published", "universeg")])
def test_the_presets_of_the_paper_are_complete(preset, network):
    config = parse("--preset", preset, "--out", "x")
    assert {name: getattr(config, name) for name in PAPERS} == PAPERS
    assert config.augment == AugmentConfig("paper", ())
    assert [row.name for row in config.augment.rows] == [row.name for row in ROWS]
    assert (config.network, config.model) == (network, ModelConfig())
    assert config.stores == (Path("data/stores"),)
    assert config.dev_stores == tuple(Path(f"data/stores/{name}.lmdb") for name in HELD_OUT)


def test_the_networks_of_the_paper():
    """Five and four stages in the text, four and three in the published weights (decision 6)."""
    text = UniverSeg(PAPER).config
    assert (text.widths, text.cross_activation, text.downsample) == ((64,) * 5, True, "bilinear")
    published = ModelConfig()
    assert (published.widths, published.cross_activation, published.downsample) == ((64,) * 4, False, "max")


def test_the_defaults_are_pinned():
    """A change of a default changes what everybody trains who gives no flags."""
    config = TrainConfig(out=Path("x"))
    assert (config.support_size, config.batch_size, config.learning_rate, config.schedule) == (64, 1, 1e-4, "constant")
    assert (config.synthetic_share, config.steps, config.dev_episodes, config.patience) == (0.5, 100_000, 64, 0)
    assert (config.clip, config.cross_entropy, config.ema, config.warmup, config.seed) == (0, 0, 0, 0, 0)
    assert config.augment == AugmentConfig("paper", ())
    assert not config.exclude_overlaps


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
    assert (
        "unknown preset 'large'; known: free, gpu, paper, published, small-cpu, or the path of"
        in capsys.readouterr().err
    )

"""The command line of training, over the settings of a file: those in `presets/` by name, a user's own by path."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import FlagCreatePairsOff

from universeg.training.config import TrainConfig

FOLDER = Path(__file__).parent / "presets"
FLAG = "--preset"


def parsed(args: Sequence[str], prog: str, description: str) -> TrainConfig:
    """The config of a command line; exits with a message where that is not one, or shows the help if asked."""
    name = named_in(args)
    # With a preset as the default, the help shows its settings.
    default = preset(name) if name else tyro.MISSING_NONPROP
    settings = (FlagCreatePairsOff,)
    return tyro.cli(TrainConfig, prog=prog, description=description, args=args, default=default, config=settings)


def named_in(args: Sequence[str]) -> str:
    """The preset that a command line asks for, or nothing."""
    for word, following in zip(args, [*args[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == FLAG:
            return value if equals else following
    return ""


def preset(name: str) -> TrainConfig:
    """The settings of a preset, all but `out`. Raises ValueError for none, exits where a setting does not fit."""
    path = _path(name)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ValueError(f"preset {path}: {error}") from error
    words = [*_words(table), "--out", "."]
    config = tyro.cli(TrainConfig, prog=str(path), args=words, config=(FlagCreatePairsOff,))
    return replace(config, preset=name, out=tyro.MISSING)


def _path(name: str) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    known = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    if name not in known:
        raise ValueError(f"unknown preset {name!r}; known: {', '.join(known)}, or the path of a .toml file")
    return known[name]


def _words(table: Mapping[str, Any], prefix: str = "--") -> Iterator[str]:
    """The command line that says what a table says: `x = 1` is --x 1, `y` of the table `[x]` is --x.y."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _words(value, f"{prefix}{key}.")
        elif value is not False:
            yield f"{prefix}{key}"
            values = value if isinstance(value, list) else [] if value is True else [value]
            yield from map(str, values)

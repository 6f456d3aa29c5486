"""The command line of training, and its presets: TOML files with some flags, in this folder or the user's own."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import FlagCreatePairsOff

from universeg.training.config import TrainConfig

FOLDER = Path(__file__).parent
FLAG = "--preset"


def parse_args(args: Sequence[str], prog: str, description: str) -> TrainConfig:
    """The config of a command line; exits with a message if it is wrong, and after `--help`.

    Raises ValueError for an unknown preset or one that is not valid TOML.
    """
    name = _preset_name(args)
    # The preset is the default, so --help shows its settings.
    default = load_preset(name) if name else tyro.MISSING_NONPROP
    settings = (FlagCreatePairsOff,)
    return tyro.cli(TrainConfig, prog=prog, description=description, args=args, default=default, config=settings)


def _preset_name(args: Sequence[str]) -> str:
    """The value of --preset on a command line, or an empty string."""
    for word, following in zip(args, [*args[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == FLAG:
            return value if equals else following
    return ""


def load_preset(name: str) -> TrainConfig:
    """The config of a preset, without `out`; raises ValueError if it cannot be read, exits if a setting is wrong."""
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
    """A table as a command line: `x = 1` becomes --x 1, `y = 2` in the table `[x]` becomes --x.y 2."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _words(value, f"{prefix}{key}.")
        elif value is not False:
            yield f"{prefix}{key}"
            values = value if isinstance(value, list) else [] if value is True else [value]
            yield from map(str, values)

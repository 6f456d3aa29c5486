"""Weights by name: those in the package, and those that are fetched when they are first used.

The facts are in universeg/weights/registry.toml. To add weights: a table there, and the file beside it or its address.
"""

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from universeg.base.atomic_write import atomic_write

DEFAULT = "synthetic"  # used where no weights are named
FOLDER = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True)
class Weights:
    """One entry of the registry."""

    name: str
    trained_on: str
    licence: str
    file: str | None = None  # in the package
    url: str | None = None  # else where it is fetched from
    sha256: str | None = None  # None if its owner publishes none
    allows: Mapping[str, str] = field(default_factory=dict)  # research, commercial, redistribution: yes, no or unknown

    def path(self) -> Path:
        """Where the file is; it is fetched first if it is not in the package and not fetched yet.

        Shows the licence before it fetches. Raises OSError, with what to do, if it cannot be fetched.
        """
        return FOLDER / self.file if self.file else _fetched(self)


@cache
def registry() -> Mapping[str, Weights]:
    """All weights by name."""
    tables = tomllib.loads((FOLDER / "registry.toml").read_text(encoding="utf-8"))
    return {name: Weights(name, **facts) for name, facts in tables.items()}


def weights_path(name: str | Path) -> Path:
    """The file of weights with this name; anything else is taken for a path. Raises ValueError if there is no file."""
    path = registry()[str(name)].path() if str(name) in registry() else Path(name)
    if not path.is_file():
        raise ValueError(f"{path}: no such file; give a .safetensors that universeg-train wrote, or a published .pt")
    return path


def _fetched(weights: Weights) -> Path:
    import torch

    assert weights.url, f"{weights.name} needs a file or a url in registry.toml"
    path = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[1]
    if path.exists():
        return path
    sys.stderr.write(f"fetching the weights {weights.name!r}. Licence: {weights.licence}\n")
    try:
        with atomic_write(path) as part:
            torch.hub.download_url_to_file(weights.url, str(part), progress=sys.stderr.isatty())
    except OSError as error:
        raise OSError(f"{weights.url}: {error}; download it in a browser, and save it as {path}") from error
    return path

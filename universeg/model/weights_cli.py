"""`universeg-weights`: list the weights that can be named, or print the file of one."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.table import Table

from universeg.base.command import run_command
from universeg.base.lookup import choose
from universeg.model.registry import DEFAULT, registry

HELP = """List the weights that can be used by name, or print the file of one.

Examples:

universeg weights

universeg weights published

The second command fetches the weights of the paper's authors if they are not here yet. Every command that takes
--weights also takes these names."""


@dataclass(frozen=True)
class WeightsConfig:
    name: tyro.conf.Positional[str] = ""
    """Print the path of the file of these weights; fetch it first if needed. Without a name: list all."""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1 with a message if it fails."""
    run_command("universeg-weights", _run, args)


def _run(args: Sequence[str]) -> None:
    config = tyro.cli(WeightsConfig, prog="universeg-weights", description=HELP, args=args)
    if config.name:
        sys.stdout.write(f"{choose(registry(), config.name, 'weights').path()}\n")
        return
    table = Table("name", "trained on", "licence", "where")
    for weights in registry().values():
        where = "in the package" if weights.file else "fetched when first used"
        where += ", the default" if weights.name == DEFAULT else ""
        table.add_row(weights.name, weights.trained_on, weights.licence, where)
    Console().print(table)


if __name__ == "__main__":
    main()

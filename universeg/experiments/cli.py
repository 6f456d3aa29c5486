"""`universeg-experiment`: make the tables and figures of the paper."""

import math
import sys
from collections.abc import Sequence
from importlib.util import find_spec

import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import FlagCreatePairsOff

from universeg.base.atomic_write import atomic_write
from universeg.base.command import run_command
from universeg.base.console import say
from universeg.experiments.catalogue import EXPERIMENTS, Experiment, experiment
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.networks import networks
from universeg.experiments.nnunet import run_nnunet
from universeg.experiments.scale import Scale
from universeg.experiments.steps import check_networks, check_protocol, do_step, networks_of, steps_of

NAME = "universeg-experiment"
PAPER_QUERIES = 290  # queries of all labels in the paper's held-out test splits

HELP = """Make one table or figure of the paper, with the paper's numbers beside ours.

Examples:

universeg-experiment list

universeg-experiment table-8 --stores data/stores --weights published --out results/paper

universeg-experiment table-7 --stores data/stores --out results/paper --train

universeg-experiment table-5 --stores data/stores --out results/small --train --scale small

universeg-experiment nnunet --stores data/stores --out results/paper

An experiment needs networks: give their weights, or let it train those that are missing (--train). What has been
computed is in the folder --out and is used again, also by other experiments; so a stopped experiment continues with the
same command. On a cluster, universeg/experiments/Snakefile does the steps of all experiments as jobs.

The results are in OUT/NAME: table.md, table.csv, table.json and figure.png, or pictures."""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1, with a message, if it fails."""
    run_command(NAME, _experiment, args)


def _experiment(args: Sequence[str]) -> None:
    config = tyro.cli(ExperimentConfig, prog=NAME, description=HELP, args=args, config=(FlagCreatePairsOff,))
    if config.name == "list":
        _list(config.numbers)
        return
    if any(find_spec(package) is None for package in ("matplotlib", "scipy")):
        raise ValueError("experiments need the extra for training: pip install 'universeg[train]'")
    if config.name == "nnunet":  # its result of a task does not depend on what else is evaluated
        for line in run_nnunet(config):
            sys.stderr.write(f"{line}\n")
        return
    if "/" in config.name:
        check_protocol(config)
        do_step(config, config.name)
    else:
        found = experiment(config.name)
        check_protocol(config)
        make(config, found)


def make(config: ExperimentConfig, found: Experiment) -> None:
    """Do the steps of an experiment that are missing, then write its table and figure, or its pictures."""
    from universeg.experiments.gallery import pictures_of
    from universeg.experiments.results import result_of
    from universeg.experiments.tables import markdown, write_table

    check_networks(config, found)
    for step in steps_of(found, config.numbers):
        do_step(config, step)
    folder = config.out / found.name
    if found.kind == "pictures":
        for name, picture in pictures_of(config, found).items():
            with atomic_write(folder / name) as part:
                picture.save(part, format="PNG")
    else:
        table, figure = result_of(config, found)
        write_table(folder, table)
        if figure:
            with atomic_write(folder / "figure.png") as part:
                figure.savefig(part, format="png", dpi=120)
        if not config.quiet:
            sys.stdout.write(markdown(table))
    if not config.quiet:
        sys.stdout.write(f"results written to {folder}\n")


def _list(scale: Scale) -> None:
    """Print every experiment, what it needs, and about how long it takes."""
    table = Table("name", "also", "what", "networks", "predictions", "time")
    for found in EXPERIMENTS.values():
        count, needed = predictions(found, scale), networks_of(found, scale)
        minutes = count * scale.seconds / 60 + sum(scale.minutes(networks()[name].model) for name in needed)
        time = f"{minutes / 60:.1f} h" if minutes >= 60 else f"{math.ceil(minutes)} min"
        table.add_row(found.name, ", ".join(found.also), found.title, str(len(needed)), f"{count:,}", time)
    table.add_row("nnunet", "", "the supervised upper bound in tables 1 and 5, figures 5 and 15", "", "", "")
    console = Console()
    console.print(table)
    queries = f"{scale.queries} queries of each of 16 tasks" if scale.queries else f"{PAPER_QUERIES} queries"
    own, baseline = scale.training_minutes
    training = f"{own:g} min of training a UniverSeg, {baseline:g} min a baseline" if own else "no training"
    say(
        console,
        f"Time: an estimate for {queries}, {scale.seconds:g} s a prediction, {training}. Networks and scores are"
        " shared by experiments, so all of them together take less than the sum.",
    )


def predictions(found: Experiment, scale: Scale) -> int:
    """How many predictions the steps of an experiment make, for as many queries as the paper has."""
    queries = scale.queries * 16 if scale.queries else PAPER_QUERIES
    sizes, count = len(scale.support_sizes), len(networks_of(found, scale))
    each = {
        "grid": count * scale.ensemble,
        "limited": sizes * scale.repetitions,
        "ensembles": sizes * scale.repetitions,
        "heat": count * sizes * scale.heat_repetitions,
        "pictures": count if found.best_of else 1,
    }
    return queries * each[found.kind]


if __name__ == "__main__":
    main()

"""`universeg-evaluate`: how well a network segments datasets that it has not seen (paper, section 5.1)."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from torch import nn
from tyro.conf import FlagCreatePairsOff

from universeg.compute import Compute
from universeg.episode import HELD_OUT, Episode, Stores
from universeg.evaluation_config import EvaluateConfig
from universeg.evaluation_report import Result, show, write_report
from universeg.metrics import Score, averages, dice
from universeg.model import load_model
from universeg.picture import Panel, outlined
from universeg.rng import rng_for
from universeg.sampling import fitting, with_replacement
from universeg.store import Pixels, Store, Task
from universeg.tables import choose
from universeg.validate import probabilities

HELP = """Segment the test queries of held-out datasets and report Dice.

Examples:

universeg-evaluate --weights runs/first/best.safetensors --stores data/stores --out results/first

universeg-evaluate --weights universeg.pt --stores data/stores --out results/small --support-size 8 --ensemble 1

Queries are the middle slices of the test split; the support is drawn from the support split with replacement, and is
the same for all weights. Dice runs from 0 to 100; where the truth is empty it is 100 for an empty prediction, else 0.
It is averaged over the queries of a label, the labels of a task, the tasks of a dataset, and the datasets.

You get results.csv (one line per query), summary.json, summary.md and pictures.png."""


@dataclass(frozen=True)
class Outcome:
    """One query, its truth and what was predicted for it."""

    score: Score
    image: Pixels  # (H, W)
    truth: NDArray[np.bool_]  # (H, W)
    prediction: NDArray[np.bool_]  # (H, W)


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1 with a message if it fails."""
    config = tyro.cli(
        EvaluateConfig, prog="universeg-evaluate", description=HELP, args=args, config=(FlagCreatePairsOff,)
    )
    try:
        result = evaluate(config)
        write_report(config, result)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"universeg-evaluate: {error}\n")
        sys.exit(1)
    if not config.quiet:
        show(config, result)


def evaluate(config: EvaluateConfig) -> Result:
    """Segment and score every test query of the chosen datasets; raises ValueError where there is none."""
    compute = Compute.chosen(config.device)
    stores = Stores(config.stores)
    network = load_model(config.weights).to(compute.device)
    datasets = chosen_datasets(stores, config.datasets)
    tasks = fitting([task for name in datasets for task in stores.by_dataset[name].tasks], config.tasks)
    wanted = {task: queries for task in tasks if (queries := test_queries(stores.of(task), task))}
    left_out = [task for task in tasks if task not in wanted]
    if not wanted:
        raise ValueError(
            f"{', '.join(datasets)}: none of {len(tasks)} tasks has middle slices in both the test and the support"
            " split; build the stores from more subjects"
        )
    scores, rows = list[Score](), list[list[Panel]]()
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=config.quiet) as progress:
        bar = progress.add_task("segmenting", total=sum(map(len, wanted.values())))
        for task, queries in wanted.items():
            outcomes = list[Outcome]()
            for query in queries:
                outcomes.append(segmented(network, stores, task, query, config, compute))
                progress.advance(bar)
            scores += [outcome.score for outcome in outcomes]
            rows.append(list(_panels(outcomes, config.pictures)))
    found = averages(scores, config.bootstraps, config.seed)
    roles = {name: str(stores.by_dataset[name].header["role"]) for name in datasets}
    return Result(scores, found, roles, left_out, stores.size, rows)


def chosen_datasets(stores: Stores, names: Sequence[str]) -> list[str]:
    """The named datasets, or else all that are held out."""
    for name in names:
        choose(stores.by_dataset, name, "dataset")
    found = list(names) or stores.datasets(HELD_OUT)
    if not found:
        raise ValueError(
            f"none of the stores is held out, they are {', '.join(sorted(stores.by_dataset))};"
            " name those to evaluate on: --datasets NAME"
        )
    return found


def test_queries(store: Store, task: str) -> list[str]:
    """Names of the task's test queries, none if it has no support for them."""
    return store.subjects(task, "test") if store.subjects(task, "support") else []


def supports(store: Store, task: str, query: str, config: EvaluateConfig) -> list[Episode]:
    """One episode for each member of the ensemble; depends on seed, task, query, its number and the size alone."""
    names, size = store.subjects(task, "support"), config.support_size
    draws = [rng_for("support", config.seed, task, query, number, size) for number in range(config.ensemble)]
    return [Episode(task, "mid", query, with_replacement(names, size, rng)) for rng in draws]


def segmented(
    network: nn.Module, stores: Stores, task: str, query: str, config: EvaluateConfig, compute: Compute
) -> Outcome:
    """Segment one query by each support in turn, average, and cut at 0.5 (paper, section 3.3)."""
    batches = [stores.read([episode]) for episode in supports(stores.of(task), task, query, config)]
    mean = np.mean([probabilities(network, batch, compute)[0] for batch in batches], axis=0)
    prediction, truth = mean > 0.5, batches[0].query_mask[0, 0].astype(bool)
    score = Score(Task.parse(task), query, dice(prediction, truth))
    return Outcome(score, batches[0].query[0, 0], truth, prediction)


def _panels(outcomes: Sequence[Outcome], count: int) -> Iterator[Panel]:
    """Pictures of a task's queries at even steps from the worst to the best."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.score.dice)
    steps = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int)
    for outcome in (ordered[step] for step in steps):
        masks = {"truth": outcome.truth, "prediction": outcome.prediction}
        caption = f"{outcome.score.task.key}\n{outcome.score.query}: Dice {outcome.score.dice:.1f}"
        yield Panel(outlined(outcome.image, masks), caption)


if __name__ == "__main__":
    main()

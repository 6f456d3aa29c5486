"""`universeg-evaluate`: how well networks segment datasets that they have not seen (paper, section 5.1)."""

import sys
from collections.abc import Sequence

import tyro
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from tyro.conf import FlagCreatePairsOff

from universeg.base.device import Compute
from universeg.episodes.dice import Score, averages
from universeg.episodes.episode import TaskStores
from universeg.evaluation.baselines import segmenter
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.pictures import Example, examples
from universeg.evaluation.protocol import evaluation_set
from universeg.evaluation.report import write_report
from universeg.evaluation.scorer import Scorer
from universeg.evaluation.tables import Result, show

HELP = """Segment images of held-out datasets and report Dice.

Examples:

universeg-evaluate --weights runs/first/best.safetensors --stores data/stores --out results/first

universeg-evaluate --weights universeg.pt runs/first/best.safetensors mean-mask --stores data/stores --out results/all
--support-size 1 4 16 64 --ensemble 1 5

Queries are the middle slices of the test split (--split); the support is drawn from the support split with
replacement, and is the same for all weights. Dice runs from 0 to 100; where the truth is empty it is 100 for an empty
prediction, else 0. It is averaged over the queries of a label, the labels of a task, the tasks of a dataset, and the
datasets.

You get tables (summary.md, summary.csv, summary.json), every score (results.csv), and pictures (boxes.png,
pictures.png, and with several support sizes support_size.png). Killed? The same command goes on:
scores.jsonl has what was done."""


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
    """Segment and score every query of the chosen datasets; raises ValueError where there is none."""
    compute = Compute.chosen(config.device, config.precision)
    stores = TaskStores(config.stores)
    networks = {str(path): segmenter(path).to(compute.device) for path in config.weights}
    asked = evaluation_set(stores, config.datasets, config.tasks, config.split)
    scores: dict[Configuration, list[Score]] = {name: [] for name in config.configurations}
    shown = list[Example]()
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=config.quiet) as progress:
        total = sum(map(len, asked.queries.values())) * len(networks) * len(config.support_size)
        bar = progress.add_task("segmenting", total=total)
        scorer = Scorer(config, networks, stores, compute, lambda count: progress.advance(bar, count))
        for task, queries in asked.queries.items():
            found = dict(scorer.scores(task, queries))
            for name, more in found.items():
                scores[name] += more
            shown += examples(config, scorer, found)
    headers = {header["dataset"]: header for header in (stores.of(task).header for task in asked.queries)}
    rows = {name: str(header.get("row", name)) for name, header in headers.items()}
    return Result(
        scores=scores,
        averages={name: averages(members, config.bootstraps, config.seed, rows) for name, members in scores.items()},
        roles={name: header["role"] for name, header in headers.items()},
        rows=rows,
        empty=sum(stores.of(task).areas(task)[query] == 0 for task, names in asked.queries.items() for query in names),
        left_out=asked.left_out,
        size=stores.size,
        examples=shown,
        reused=scorer.reused,
    )


if __name__ == "__main__":
    main()

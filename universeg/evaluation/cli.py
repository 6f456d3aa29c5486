"""`universeg-evaluate`: how well networks segment datasets that they were not trained on (paper, section 5.1)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from tyro.conf import FlagCreatePairsOff

from universeg.base.command import run_command
from universeg.base.device import Compute
from universeg.episodes.dice import Score, averages
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.baselines import BASELINES, segmenter
from universeg.evaluation.comparison import Comparison, compare
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.examples import examples
from universeg.evaluation.measuring import measure_all
from universeg.evaluation.metrics import require_monai
from universeg.evaluation.protocol import EvaluationSet
from universeg.evaluation.result import Example, Result
from universeg.evaluation.scorer import Scorer
from universeg.evaluation.supports import chosen_episodes
from universeg.evaluation.tables import show

NAME = "universeg-evaluate"
EXTRA = ("matplotlib", "scipy")  # packages for figures, and to compare networks

HELP = f"""Segment images of held-out datasets and report the Dice score.

Examples:

universeg-evaluate --weights runs/first/best.safetensors --stores data/stores --out results/first

universeg-evaluate --weights synthetic runs/first/best.safetensors mean-mask --stores data/stores --out results/all
--support-size 1 4 16 64 --ensemble 1 5

The queries are the middle slices of the test split (--split). Each query has its own support set, drawn with
replacement from the support split; it is the same for all networks. Dice is from 0 to 100. If the ground truth is
empty, it is 100 for an empty prediction, else 0. It is averaged over the queries of a label, the labels of a task, the
tasks of a dataset, and the datasets.

Names of weights: see universeg-weights. Baselines, which need no training: {", ".join(BASELINES)}.

Files in the output folder: tables (summary.md, summary.csv, summary.json), the score of every query (results.csv), and
pictures (boxes.png, pictures.png; with several support sizes also support_size.png). To continue a stopped evaluation,
give the same command again: scores.jsonl has the scores so far."""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1, with a message, if it fails."""
    run_command(NAME, _evaluate, args)


def _evaluate(args: Sequence[str]) -> None:
    config = tyro.cli(EvaluateConfig, prog=NAME, description=HELP, args=args, config=(FlagCreatePairsOff,))
    if missing := [package for package in EXTRA if find_spec(package) is None]:
        raise ValueError(f"evaluation needs {' and '.join(missing)}: pip install 'universeg[train]'")
    from universeg.evaluation.metrics_report import write_metrics
    from universeg.evaluation.report import write_report  # these import matplotlib

    if config.metrics:
        require_monai()
    result = evaluate(config)
    write_report(config, result)
    if result.measured:
        write_metrics(config, result.measured, result.paper_rows)
    if not config.quiet:
        show(config, result)


def evaluate(config: EvaluateConfig) -> Result:
    """Segment and score every query of the chosen datasets.

    Raises ValueError if there are no queries, or if the stores or the weights cannot be used.
    """
    compute = Compute.chosen(config.device, config.precision)
    stores = TaskStores(config.stores, copy_to=config.copy_stores)
    networks = {name: segmenter(Path(name)).to(compute.device).eval() for name in config.networks}
    queries, supports = chosen_episodes(config, stores)
    scores: dict[Configuration, list[Score]] = {name: [] for name in config.configurations}
    shown = list[Example]()
    with _progress(config, queries) as advance:
        scorer = Scorer(config, networks, stores, compute, advance, supports)
        for task, names in queries.queries.items():
            of_task = dict(scorer.scores(task, names))
            for configuration, found in of_task.items():
                scores[configuration] += found
            shown += examples(config, scorer, of_task)
        measured = list(measure_all(config, scorer, stores, queries.queries)) if config.metrics else []
    headers = {header["dataset"]: header for header in (stores.of(task).header for task in queries.queries)}
    rows = {name: str(header.get("row", name)) for name, header in headers.items()}
    return Result(
        scores=scores,
        averages={name: averages(found, config.bootstraps, config.seed, rows) for name, found in scores.items()},
        digests=scorer.digests,
        roles={name: header["role"] for name, header in headers.items()},
        paper_rows=rows,
        empty=_count_empty(stores, queries),
        left_out=queries.left_out,
        size=stores.size,
        examples=shown,
        reused=scorer.reused,
        comparisons=_comparisons(config, scores, rows),
        measured=measured,
        remarks=[*scorer.remarks, *([f"queries and support sets: {config.supports}"] if supports else [])],
    )


def _comparisons(
    config: EvaluateConfig, scores: Mapping[Configuration, Sequence[Score]], rows: Mapping[str, str]
) -> dict[Configuration, Comparison]:
    """Each configuration compared with the first one."""
    (_, first), *others = scores.items()
    return {name: compare(first, found, config.bootstraps, config.seed, rows) for name, found in others}


@contextmanager
def _progress(config: EvaluateConfig, queries: EvaluationSet) -> Iterator[Callable[[int], None]]:
    """A progress bar; the function that it gives advances it by a number of segmented queries."""
    total = sum(map(len, queries.queries.values())) * len(config.networks) * len(config.support_size)
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), disable=config.quiet) as progress:
        bar = progress.add_task("segmenting", total=total)
        yield lambda count: progress.advance(bar, count)


def _count_empty(stores: TaskStores, queries: EvaluationSet) -> int:
    """The number of queries with an empty ground truth."""
    areas = (stores.of(task).areas(task)[name] for task, names in queries.queries.items() for name in names)
    return sum(area == 0 for area in areas)


if __name__ == "__main__":
    main()

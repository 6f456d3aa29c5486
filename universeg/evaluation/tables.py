"""The table of an evaluation: one row per configuration, or per dataset and task if there is one configuration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from universeg.episodes.dice import Averages, Mean, Score, task_name
from universeg.episodes.episode import HELD_OUT
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.pictures import Example

ALL = "all datasets"
TableRow = tuple[str, list[str]]  # name, cells


@dataclass(frozen=True)
class Result:
    """Every score, its averages, and pictures of some queries."""

    scores: Mapping[Configuration, Sequence[Score]]  # the same queries in the same order for each
    averages: Mapping[Configuration, Averages]
    roles: Mapping[str, str]  # of each dataset: "held-out", or "train"
    rows: Mapping[str, str]  # of each dataset: what the paper's Table 3 counts it to
    empty: int  # queries whose truth is empty
    left_out: Sequence[str]  # tasks without queries or support
    size: int  # pixels of a side
    examples: Sequence[Example]
    reused: int  # scores of an earlier call

    @property
    def queries(self) -> Sequence[Score]:
        """One score of every query, of whichever configuration."""
        return next(iter(self.scores.values()))

    @property
    def datasets(self) -> Sequence[str]:
        """Names of datasets in order, then of rows of several."""
        return list(next(iter(self.averages.values())).of_datasets)

    def inside(self, name: str, scores: Sequence[Score]) -> list[Score]:
        """Those of the scores that belong to a task without its label, a dataset, a row, or all."""
        return [
            score
            for score in scores
            if name in (ALL, self.rows[score.task.dataset], score.task.dataset, task_name(score.task))
        ]


def show(config: EvaluateConfig, result: Result) -> None:
    """The table and the remarks on the terminal."""
    head, rows = table(result)
    on_terminal = Table(*(escape(title) for title in head))
    for name, cells in rows:
        on_terminal.add_row(escape(name), *cells, style="bold" if name in (ALL, *result.datasets) else "")
    console = Console()
    console.print(protocol(config), markup=False, highlight=False, soft_wrap=True)
    console.print(on_terminal)
    again = f"{result.reused} scores are of an earlier call; remove {config.out}/scores.jsonl to compute them anew"
    lines = [*remarks(result), *([again] if result.reused else []), f"written to {config.out}"]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(config: EvaluateConfig, result: Result) -> str:
    """The same as a document."""
    head, rows = table(result)
    lines = [f"# {protocol(config)}", "", f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for name, cells in rows:
        lines.append("| " + " | ".join([f"**{name}**" if name in (ALL, *result.datasets) else name, *cells]) + " |")
    draws = f"The standard deviation is that over {config.bootstraps} draws of subjects with replacement."
    return "\n".join([*lines, "", draws, *remarks(result)]) + "\n"


def table(result: Result) -> tuple[list[str], list[TableRow]]:
    """Column titles, then name and cells of each row."""
    if len(result.averages) == 1:
        return ["", "labels", "queries", "Dice ± sd"], list(_by_task(result))
    rows = [
        (title, [_cell(found.all), *map(_cell, found.of_datasets.values())])
        for title, found in zip(titles(list(result.averages)), result.averages.values(), strict=True)
    ]
    return ["", ALL, *result.datasets], rows


def titles(configurations: Sequence[Configuration]) -> list[str]:
    """What tells each from the others."""
    several = [len({value(each) for each in configurations}) > 1 for value in _PARTS.values()]
    told = [part for part, more in zip(_PARTS, several, strict=True) if more]
    return [", ".join(part.format(_PARTS[part](each)) for part in told) for each in configurations]


_PARTS: Mapping[str, Callable[[Configuration], object]] = {
    "{}": lambda each: each.weights,
    "N = {}": lambda each: each.support_size,
    "K = {}": lambda each: each.ensemble,
}


def protocol(config: EvaluateConfig) -> str:
    """What was evaluated, in a line."""
    weights, sizes, ensembles = (
        ", ".join(map(str, values)) for values in (config.weights, config.support_size, config.ensemble)
    )
    return f"Dice of {weights} on the {config.split} split: support size N = {sizes}, ensemble of K = {ensembles}"


def remarks(result: Result) -> list[str]:
    """What a reader of the table must know."""
    seen = sorted(name for name, role in result.roles.items() if role != HELD_OUT)
    lines = [f"not held out, training may have seen them: {', '.join(seen)}"] if seen else []
    if result.empty:
        lines.append(f"{result.empty} queries have an empty truth: 100 for an empty prediction, else 0")
    if result.left_out:
        lines.append(f"left out, without middle slices for queries or support: {', '.join(result.left_out)}")
    return lines


def levels(averages: Averages) -> Iterator[tuple[str, str, Mean]]:
    """Level, name and mean of everything that is averaged."""
    yield "all", ALL, averages.all
    parts = {"row": averages.rows, "dataset": averages.datasets, "task": averages.tasks, "label": averages.labels}
    for level, means in parts.items():
        for name, mean in means.items():
            yield level, name, mean


def _by_task(result: Result) -> Iterator[TableRow]:
    (found,) = result.averages.values()
    parts = sorted({**found.of_datasets, **found.tasks}.items())
    for name, mean in [(ALL, found.all), *parts]:
        inside = result.inside(name, result.queries)
        yield name, [str(len({score.task.key for score in inside})), str(len(inside)), _cell(mean)]


def _cell(mean: Mean) -> str:
    return f"{mean.dice:.1f} ± {mean.deviation:.1f}"

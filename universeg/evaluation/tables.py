"""The table of an evaluation, for the terminal and for summary.md.

With several configurations it has one row for each. With one configuration it has one row per dataset and task.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from universeg.base.console import say
from universeg.episodes.dice import Mean
from universeg.episodes.task_stores import TRAIN
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.result import ALL, Result

TableRow = tuple[str, list[str]]  # name, cells


def show(config: EvaluateConfig, result: Result) -> None:
    """Print the table and the notes on the terminal."""
    head, rows = table(result)
    on_terminal = Table(*(escape(title) for title in head))
    for name, cells in rows:
        on_terminal.add_row(escape(name), *cells, style="bold" if name in (ALL, *result.datasets_and_rows) else "")
    console = Console()
    say(console, headline(config))
    console.print(on_terminal)
    reused = f"{result.reused} scores are from an earlier call; to compute all again, delete {config.out}/scores.jsonl"
    lines = [*notes(result), *([reused] if result.reused else []), f"results written to {config.out}"]
    for line in lines:
        say(console, line)


def markdown(config: EvaluateConfig, result: Result) -> str:
    """The table and the notes as a Markdown document."""
    head, rows = table(result)
    lines = [f"# {headline(config)}", "", f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for name, cells in rows:
        name = f"**{name}**" if name in (ALL, *result.datasets_and_rows) else name
        lines.append("| " + " | ".join([name, *cells]) + " |")
    bootstrap = f"± is the standard deviation over {config.bootstraps} bootstrap samples of the subjects."
    lines += ["", f"{bootstrap} summary.csv also has 95 % intervals.", *notes(result)]
    return "\n".join([*lines, *_comparison_lines(result)]) + "\n"


def _comparison_lines(result: Result) -> Iterator[str]:
    """How much each configuration differs from the first one, on the same queries."""
    if not result.comparisons:
        return
    names = titles(list(result.averages))
    yield from ("", f"Compared with {names[0]} on the same queries:", "")
    yield from ("| | difference | 95 % interval | p (paired t-test) |", "| --- | ---: | ---: | ---: |")
    for name, found in zip(names[1:], result.comparisons.values(), strict=True):
        mean = found.difference
        yield f"| {name} | {mean.dice:+.1f} | {mean.low:+.1f} to {mean.high:+.1f} | {found.p_value:.2g} |"


def table(result: Result) -> tuple[list[str], list[TableRow]]:
    """The titles of the columns, and the name and cells of each row."""
    if len(result.averages) == 1:
        return ["", "labels", "queries", "Dice ± sd"], list(_rows_by_task(result))
    rows = [
        (title, [_cell(found.all), *map(_cell, found.datasets_and_rows.values())])
        for title, found in zip(titles(list(result.averages)), result.averages.values(), strict=True)
    ]
    return ["", ALL, *result.datasets_and_rows], rows


def titles(configurations: Sequence[Configuration]) -> list[str]:
    """A short name for each configuration: only the parts in which they differ."""
    differs = [len({value(each) for each in configurations}) > 1 for value in _PARTS.values()]
    parts = [part for part, differ in zip(_PARTS, differs, strict=True) if differ]
    return [", ".join(part.format(_PARTS[part](each)) for part in parts) for each in configurations]


_PARTS: Mapping[str, Callable[[Configuration], object]] = {
    "{}": lambda each: each.weights,
    "N = {}": lambda each: each.support_size,
    "K = {}": lambda each: each.ensemble,
}


def headline(config: EvaluateConfig) -> str:
    """What was evaluated, in one line."""
    weights, sizes, ensembles = (
        ", ".join(map(str, values)) for values in (config.networks, config.support_size, config.ensemble)
    )
    return f"Dice of {weights} on the {config.split} split: support size N = {sizes}, ensemble size K = {ensembles}"


def notes(result: Result) -> list[str]:
    """What a reader of the table must know about its data."""
    seen = sorted(name for name, role in result.roles.items() if role == TRAIN)
    lines = [f"not held out, so networks may have been trained on them: {', '.join(seen)}"] if seen else []
    if result.empty:
        lines.append(
            f"{result.empty} queries have an empty ground truth: their Dice is 100 if the prediction is empty, else 0"
        )
    if result.left_out:
        lines.append(
            "left out, because they have no middle slices for queries or for support sets:"
            f" {', '.join(result.left_out)}"
        )
    return [*lines, *result.remarks]


def _rows_by_task(result: Result) -> Iterator[TableRow]:
    (found,) = result.averages.values()
    parts = sorted({**found.datasets_and_rows, **found.tasks}.items())
    for name, mean in [(ALL, found.all), *parts]:
        scores = result.select(name, result.queries)
        yield name, [str(len({score.task.key for score in scores})), str(len(scores)), _cell(mean)]


def _cell(mean: Mean) -> str:
    return f"{mean.dice:.1f} ± {mean.standard_deviation:.1f}"

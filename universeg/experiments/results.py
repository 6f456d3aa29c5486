"""Make the table and the figure of an experiment from the files of its steps."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from universeg.evaluation.comparison import compare
from universeg.experiments import figures
from universeg.experiments.catalogue import MAIN, PAPER_ENSEMBLE, SIZES, Experiment
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.log_fit import log_fit
from universeg.experiments.methods import by_dataset, summary
from universeg.experiments.networks import networks
from universeg.experiments.step_files import ALL, means_of, read_step, scores_of
from universeg.experiments.steps import networks_of, step_file
from universeg.experiments.tables import Cells, Number, Table

Result = tuple[Table, Figure | None]


def result_of(config: ExperimentConfig, found: Experiment) -> Result:
    """The table and the figure; every step must have been done."""
    table, figure = _MAKERS.get(found.name, _grid)(config, found)
    scale = config.numbers
    if config.scale != "full":
        table.notes.append(
            f"Scale {config.scale}, not the paper's results: N = {scale.largest} stands for 64, K = {scale.ensemble}"
            " for 10; networks are trained for two minutes or less, and a UniverSeg among them is smaller; they"
            f" see {scale.size} pixels, and at most {scale.queries} queries of each task."
        )
    return table, figure


def _grid(config: ExperimentConfig, found: Experiment) -> Result:
    """One row for each network (or for the best of several) and K, by dataset: tables 5, 6, 10 and 12."""
    cells, notes = Cells(), list[str]()
    usable = networks_of(found, config.numbers)
    for row in found.rows:
        if row.network in usable:
            each = scores_of(config, row.network)
            cells[row.label] = means_of(config, each.at(row.ensemble), each.rows)
    return Table(found.name, found.title, cells, notes), None


def _support_sizes(config: ExperimentConfig, found: Experiment) -> Result:
    """Table 7 and figure 7: each network at its own N, with and without an ensemble, and a paired t-test."""
    table, _ = _grid(config, found)
    lines = dict[str, dict[int, Number]]()
    for size, name in SIZES.items():
        if name not in networks_of(found, config.numbers):
            continue
        each = scores_of(config, name)
        one, several = each.at(1), each.at(PAPER_ENSEMBLE)
        here = config.numbers.support_size(size)
        for scores, count in ((one, 1), (several, config.numbers.ensemble)):
            lines.setdefault(f"K = {count}", {})[here] = means_of(config, scores, each.rows)[ALL]
        against = compare(one, several, config.numbers.bootstraps, config.seed, each.rows)
        table.notes.append(
            f"N = {here}: the ensemble adds {against.difference.dice:+.1f} Dice; p = {against.p_value:.2g}"
            f" (paired t-test over {against.queries} queries)."
        )
    return table, figures.curves(lines, "support size N, in training and in inference")


def _limited(config: ExperimentConfig, found: Experiment) -> Result:
    """Table 8 and figure 8: for each task and N, mean and standard deviation over random subsets of the examples."""
    content = read_step(step_file(config, f"limited/{MAIN}"))
    cells, lines = Cells(), dict[str, dict[int, Number]]()
    for task, size, means in sorted(content["cells"]):
        number = Number(float(np.mean(means)), float(np.std(means)))
        cells.setdefault(task, {})[f"N = {size}"] = number
        lines.setdefault(task, {})[size] = number
    note = (
        f"Mean and standard deviation over {config.numbers.repetitions} random subsets of the support split, without"
        " replacement; N is at most the size of the split, and larger N are left out."
    )
    return Table(found.name, found.title, cells, [note]), figures.curves(lines, "support size N", band=True)


def _ensembles(config: ExperimentConfig, found: Experiment) -> Result:
    """Table 9 and figure 9: mean Dice by support size and ensemble size, over repetitions."""
    groups = dict[int, dict[int, list[float]]]()
    for size in config.numbers.support_sizes:
        means = read_step(step_file(config, f"ensembles/{MAIN}-{size}"))["means"]
        groups[size] = {int(count): values for count, values in means.items()}
    cells: Cells = {
        f"N = {size}": {f"K = {k}": Number(float(np.mean(v)), float(np.std(v))) for k, v in group.items()}
        for size, group in groups.items()
    }
    note = (
        f"Mean and standard deviation over {config.numbers.repetitions} repetitions; a task's queries share supports."
    )
    return Table(found.name, found.title, cells, [note]), figures.boxes(groups)


def _training_tasks(config: ExperimentConfig, found: Experiment) -> Result:
    """Table 10 and figure 6: Dice against the number of tasks in training, and a logarithmic fit."""
    table, _ = _grid(config, found)
    cells, points = Cells(), list[tuple[float, float]]()
    for row in found.rows:
        content = scores_of(config, row.network).content
        if "tasks" not in content:
            raise ValueError(f"{found.name} needs networks that it trained; {row.network} was given by --weights")
        counts = {"datasets": Number(len(content["datasets"])), "tasks": Number(content["tasks"])}
        cells[row.label] = counts | table.cells[row.label]
        points.append((content["tasks"], table.cells[row.label][ALL].value))
    tasks, means = zip(*points, strict=True)
    fit = log_fit(tasks, means, config.seed)
    if fit:
        table.notes.append(f"Fit: Dice = {fit}.")
    table.notes.append(
        "A row has the same part of the training datasets as in the paper, which has 46; the datasets are drawn anew."
    )
    return Table(found.name, found.title, cells, table.notes), figures.points_with_fit(points, fit)


def _variants(config: ExperimentConfig, found: Experiment) -> Result:
    """Table 11: mean Dice of each network and N, with and without augmentation and ensembles; the best in bold."""
    cells = Cells()
    for row in found.rows:
        each = scores_of(config, row.network)
        mean = means_of(config, each.at(row.ensemble), each.rows)[ALL]
        cells.setdefault(row.label, {})[row.column] = mean
    table = Table(found.name, found.title, cells, ["with and without: data and task augmentation in training"])
    return _with_best(table, lambda row, column: _model(row)), None


def _variants_by_dataset(config: ExperimentConfig, found: Experiment) -> Result:
    """Table 12: the grid, and in bold the best variant of each model for each dataset."""
    table, _ = _grid(config, found)
    return _with_best(table, lambda row, column: (_model(row), column)), None


def _model(row: str) -> str:
    return row.split(",")[0]


def _with_best(table: Table, group: Callable[[str, str], object]) -> Table:
    """The table with the highest number of each group of cells (row, column) in bold."""
    best = dict[object, tuple[str, str]]()
    for row, numbers in table.cells.items():
        for column, number in numbers.items():
            other = best.setdefault(group(row, column), (row, column))
            if number.value > table.cells[other[0]][other[1]].value:
                best[group(row, column)] = row, column
    return replace(table, best=list(best.values()), notes=[*table.notes, "Bold: the best setting of each model."])


def _heat(config: ExperimentConfig, found: Experiment) -> Result:
    """Figure 13: Dice of each dataset by the support sizes of training and of inference."""
    maps, cells = dict[str, dict[tuple[int, int], float]](), Cells()
    for name in networks_of(found, config.numbers):
        trained = config.numbers.support_size(networks()[name].support_size)
        for used in config.numbers.support_sizes:
            datasets = read_step(step_file(config, f"heat/{name}-{used}"))["datasets"]
            for dataset, mean in datasets.items():
                maps.setdefault(dataset, {})[trained, used] = mean
                cells.setdefault(f"{dataset}, N = {trained}", {})[f"M = {used}"] = Number(mean)
    note = f"K = 1, mean of {config.numbers.heat_repetitions} repetitions."
    return Table(found.name, found.title, cells, [note]), figures.heat_maps(maps)


_MAKERS: Mapping[str, Callable[[ExperimentConfig, Experiment], Result]] = {
    "table-1": summary,
    "table-5": by_dataset,
    "table-7": _support_sizes,
    "table-8": _limited,
    "table-9": _ensembles,
    "table-10": _training_tasks,
    "table-11": _variants,
    "table-12": _variants_by_dataset,
    "figure-13": _heat,
}

"""Tables 1 and 5, figures 4 and 5: UniverSeg, the best variant of each few-shot network, and nnU-Net."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from universeg.episodes.dice import Score, averages
from universeg.experiments.catalogue import PAPER_ENSEMBLE, Experiment
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.figures import bars
from universeg.experiments.scores import NetworkScores, row_of
from universeg.experiments.step_files import ALL, means_of, read_step, scores_of
from universeg.experiments.tables import Cells, Number, Table
from universeg.store import Task

NNUNET = "nnU-Net"


def best_variants(config: ExperimentConfig, found: Experiment) -> tuple[dict[str, NetworkScores], list[str]]:
    """For each method the variant with the highest mean Dice, as in the paper, and notes that say which."""
    best, notes = dict[str, NetworkScores](), list[str]()
    for label, names in (found.best_of or {}).items():
        variants = [scores_of(config, name) for name in names]
        means = [averages(each.at(PAPER_ENSEMBLE), paper_rows=each.rows).all.dice for each in variants]
        chosen = int(np.argmax(means))
        best[label] = variants[chosen]
        if len(names) > 1:
            notes.append(f"{label}: the best of {len(names)} variants is {names[chosen]}.")
    return best, notes


def nnunet_files(config: ExperimentConfig) -> list[dict[str, Any]]:
    """What the experiment nnunet wrote for each task that is evaluated and done."""
    files = [read_step(path) for path in sorted((config.out / "nnunet").glob("*/result.json"))]
    return [content for content in files if content["task"] in config.queries.queries]


def nnunet_means(config: ExperimentConfig, files: Sequence[dict[str, Any]]) -> dict[str, Number]:
    """Means like those of a network, of the datasets whose tasks are all done; of all only if all tasks are done."""
    wanted, done = config.queries.queries, {content["task"] for content in files}
    missing = {row_of(config.task_stores.of(task)) for task in wanted if task not in done}
    rows = {content["dataset"]: content["row"] for content in files if content["row"] not in missing}
    scores = [
        Score(Task.parse(task), query, dice)
        for content in files
        if content["dataset"] in rows
        for task, query, dice in content["scores"]
        if query in wanted[task]
    ]
    means = means_of(config, scores, rows) if scores else {}
    return {row: mean for row, mean in means.items() if row != ALL or not missing}


def by_dataset(config: ExperimentConfig, found: Experiment) -> tuple[Table, Figure]:
    """Table 5 and figure 4: all methods by dataset."""
    best, notes = best_variants(config, found)
    cells: Cells = {label: means_of(config, each.at(PAPER_ENSEMBLE), each.rows) for label, each in best.items()}
    files = nnunet_files(config)
    if supervised := nnunet_means(config, files):
        cells[NNUNET] = supervised
    notes.append(_nnunet_note(config, files))
    table = Table("table-5", found.title, cells, notes)
    return table, bars(cells, table.columns)


def _nnunet_note(config: ExperimentConfig, files: Sequence[dict[str, Any]]) -> str:
    trainers = ", ".join(sorted({content["trainer"] for content in files}))
    done = f"{NNUNET}: {len(files)} of {len(config.queries.queries)} tasks are done"
    if not files:
        return f"{done}; universeg-experiment nnunet does them."
    few = "; a dataset has a mean when all its tasks are done" if len(files) < len(config.queries.queries) else ""
    return f"{done}, with {trainers}{few}."


def summary(config: ExperimentConfig, found: Experiment) -> tuple[Table, None]:
    """Table 1: parameters, runtime and Dice of all methods."""
    best, notes = best_variants(config, found)
    cells = Cells()
    for label, each in best.items():
        mean, deviation = each.content["milliseconds"]
        cells[label] = {
            "parameters (M)": Number(each.content["parameters"] / 1e6),
            "runtime (ms)": Number(mean, deviation),
            "Dice": means_of(config, each.at(PAPER_ENSEMBLE), each.rows)[ALL],
        }
    if files := nnunet_files(config):
        means = nnunet_means(config, files)
        cells[NNUNET] = {
            "parameters (M)": Number(files[0]["parameters"] / 1e6),
            "training (s)": Number(sum(content["seconds"] for content in files)),
            **({"Dice": means[ALL]} if ALL in means else {}),
        }
    where = best[next(iter(best))].content["timed_on"]
    notes += [f"Runtime of one prediction with N examples at 128 pixels, on {where}.", _nnunet_note(config, files)]
    notes.append(f"Parameters of {NNUNET} are those of one of its networks; there are {config.folds} for each task.")
    return Table("table-1", found.title, cells, notes), None

"""Tables 1 and 5, figures 4 and 5: UniverSeg, the best variant of each few-shot network, and nnU-Net."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from universeg.episodes.dice import Score, averages
from universeg.experiments.catalogue import PAPER_ENSEMBLE, Experiment
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.figures import bars
from universeg.experiments.scores import NetworkScores
from universeg.experiments.step_files import ALL, means_of, read_step, scores_of
from universeg.experiments.tables import Cells, Number, Table

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


def nnunet_scores(config: ExperimentConfig) -> tuple[list[Score], dict[str, str], list[dict[str, Any]]]:
    """Scores, rows and files of the experiment nnunet, for the tasks that are done."""
    files = [read_step(path) for path in sorted((config.out / "nnunet").glob("*/result.json"))]
    wanted = config.queries.queries
    files = [content for content in files if content["task"] in wanted]
    scores = [
        score
        for content in files
        for score in NetworkScores.of({"scores": {"1": content["scores"]}, "rows": {}}).scores[1]
        if score.query in wanted[score.task.key]
    ]
    return scores, {content["dataset"]: content["row"] for content in files}, files


def by_dataset(config: ExperimentConfig, found: Experiment) -> tuple[Table, Figure]:
    """Table 5 and figure 4: all methods by dataset."""
    best, notes = best_variants(config, found)
    cells: Cells = {label: means_of(config, each.at(PAPER_ENSEMBLE), each.rows) for label, each in best.items()}
    supervised, rows, files = nnunet_scores(config)
    if supervised:
        cells[NNUNET] = means_of(config, supervised, rows)
    notes.append(_nnunet_note(config, files))
    table = Table("table-5", found.title, cells, notes)
    return table, bars(cells, table.columns)


def _nnunet_note(config: ExperimentConfig, files: Sequence[dict[str, Any]]) -> str:
    trainers = ", ".join(sorted({content["trainer"] for content in files}))
    done = f"{NNUNET}: {len(files)} of {len(config.queries.queries)} tasks are done"
    return f"{done}; universeg-experiment nnunet does them." if not files else f"{done}, with {trainers}."


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
    supervised, rows, files = nnunet_scores(config)
    if supervised:
        cells[NNUNET] = {
            "parameters (M)": Number(files[0]["parameters"] / 1e6),
            "training (s)": Number(sum(content["seconds"] for content in files)),
            "Dice": means_of(config, supervised, rows)[ALL],
        }
    where = best[next(iter(best))].content["timed_on"]
    notes += [f"Runtime of one prediction with N examples at 128 pixels, on {where}.", _nnunet_note(config, files)]
    notes.append(f"Parameters of {NNUNET} are those of one of its networks; there are {config.folds} for each task.")
    return Table("table-1", found.title, cells, notes), None

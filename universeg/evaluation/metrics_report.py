"""The tables and the plot of `universeg-evaluate --metrics`."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from universeg.base.atomic_write import atomic_write
from universeg.episodes.dice import Mean, Score, averages
from universeg.evaluation.config import EvaluateConfig
from universeg.evaluation.metrics import NUMBERS, Counts, Measured, expected_calibration_error
from universeg.store import Task


def write_metrics(config: EvaluateConfig, measured: Sequence[Measured], paper_rows: Mapping[str, str]) -> None:
    """Write metrics.csv (every query), metrics.md and metrics.json (averages), and reliability.png."""
    out = config.out
    with atomic_write(out / "metrics.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["weights", "task", "query", "unit", *NUMBERS])
        for each in measured:
            numbers = (getattr(each.measures, name) for name in NUMBERS)
            writer.writerow([each.weights, each.task, each.query, each.unit, *(f"{number:.4f}" for number in numbers)])
    names = list(dict.fromkeys(each.weights for each in measured))
    of_network = {name: [each for each in measured if each.weights == name] for name in names}
    found = {name: _averages(config, each, paper_rows) for name, each in of_network.items()}
    counts = {name: _total(each) for name, each in of_network.items()}
    _write_json(out / "metrics.json", found, counts)
    with atomic_write(out / "metrics.md") as part:
        part.write_text(markdown(found, counts), encoding="utf-8")
    with atomic_write(out / "reliability.png") as part:
        reliability_plot(counts).savefig(part, format="png", dpi=120)


def _total(measured: Sequence[Measured]) -> Counts:
    total: Counts = np.sum([each.measures.counts for each in measured], axis=0)
    return total


def _averages(
    config: EvaluateConfig, measured: Sequence[Measured], paper_rows: Mapping[str, str]
) -> dict[str, tuple[Mean, int]]:
    """For each measure its mean, level by level as Dice, and the number of queries for which it is defined.

    Distances in millimetres and in pixels are averaged apart.
    """
    found = dict[str, tuple[Mean, int]]()
    for name in NUMBERS:
        distance = name in ("hausdorff95", "surface_distance")
        for unit in sorted({each.unit for each in measured}) if distance else ("%",):
            values = [(each, getattr(each.measures, name)) for each in measured if not distance or each.unit == unit]
            scores = [Score(Task.parse(each.task), each.query, value) for each, value in values if np.isfinite(value)]
            if scores:
                mean = averages(scores, config.bootstraps, config.seed, paper_rows).all
                found[f"{name} ({unit})"] = mean, len(scores)
    return found


TITLES = {
    "hausdorff95": "Hausdorff distance, 95 %",
    "surface_distance": "mean surface distance",
    "volume_similarity": "volume similarity",
    "volume_error": "volume error",
}


def markdown(found: Mapping[str, Mapping[str, tuple[Mean, int]]], counts: Mapping[str, Counts]) -> str:
    """One row for each network, with the mean and the 95 % interval of each measure."""
    columns = list(dict.fromkeys(column for means in found.values() for column in means))
    head = [f"{TITLES[name]} {unit}" for name, unit in (column.split(" ") for column in columns)]
    lines = ["# Measures beside Dice", "", f"| | {' | '.join([*head, 'calibration error (%)'])} |"]
    lines.append(f"| --- |{' ---: |' * (len(columns) + 1)}")
    for name, means in found.items():
        cells = [_cell(*means[column]) if column in means else "" for column in columns]
        lines.append(f"| {' | '.join([name, *cells, f'{expected_calibration_error(counts[name]):.1f}'])} |")
    return "\n".join([*lines, "", NOTE, ""])


NOTE = (
    "In square brackets: the 95 % bootstrap interval. In round brackets: the number of queries for which the measure is"
    " defined; distances need two masks that are not empty. Pixels are those of the stored image; they are used where"
    " the size in millimetres is not known."
)


def _cell(mean: Mean, queries: int) -> str:
    return f"{mean.dice:.1f} [{mean.low:.1f}, {mean.high:.1f}] ({queries})"


def _write_json(path: Path, found: Mapping[str, Mapping[str, tuple[Mean, int]]], counts: Mapping[str, Counts]) -> None:
    content = {
        name: {
            "measures": {
                column: {"mean": mean.dice, **_interval(mean), "queries": queries}
                for column, (mean, queries) in means.items()
            },
            "calibration_error": expected_calibration_error(counts[name]),
            "calibration_bins": counts[name].tolist(),
        }
        for name, means in found.items()
    }
    with atomic_write(path) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _interval(mean: Mean) -> dict[str, float]:
    return {name: value for name, value in asdict(mean).items() if name != "dice"}


def reliability_plot(counts: Mapping[str, Counts]) -> Figure:
    """For each network, how many pixels of a predicted probability are really inside; the diagonal is perfect."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle="dotted", label="perfect")
    for name, each in counts.items():
        pixels, predicted, real = (row[each[0] > 0] for row in each)
        points: tuple[NDArray[np.float64], NDArray[np.float64]] = (predicted / pixels, real / pixels)
        axes.plot(*points, marker="o", label=f"{name}: calibration error {expected_calibration_error(each):.1f} %")
    axes.set(xlabel="predicted probability", ylabel="part of the pixels that is inside", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure

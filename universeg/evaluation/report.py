"""Write the results of an evaluation to its folder: tables, every score, and pictures."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

import universeg
from universeg.base.atomic_write import atomic_write
from universeg.episodes.dice import Averages, Mean
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.pictures import draw_examples
from universeg.evaluation.plots import box_plot, support_size_plot
from universeg.evaluation.result import ALL, Result
from universeg.evaluation.tables import markdown

CONFIGURATION_COLUMNS = ["weights", "support_size", "ensemble"]


def write_report(config: EvaluateConfig, result: Result) -> None:
    """Write every file into the output folder."""
    out = config.out
    score_columns = ["dataset", "group", "modality", "label", "axis", "query", "dice"]
    _write_csv(out / "results.csv", score_columns, _scores(result))
    _write_csv(out / "summary.csv", ["level", "name", "dice", "standard_deviation", "low", "high"], _means(result))
    _write_text(out / "summary.json", json.dumps(_summary(config, result), indent=2) + "\n")
    _write_text(out / "summary.md", markdown(config, result))
    _write_figure(out / "boxes.png", box_plot(result))
    if len(config.support_size) > 1:
        _write_figure(out / "support_size.png", support_size_plot(result))
    if result.examples:
        picture = draw_examples(result.examples)
        with atomic_write(out / "pictures.png") as part:
            picture.save(part, format="PNG")


def _scores(result: Result) -> Iterable[tuple[Configuration, list[Any]]]:
    for configuration, scores in result.scores.items():
        for score in scores:
            task = score.task
            cells = [task.dataset, task.group, task.modality, task.label, task.axis, score.query, round(score.dice, 4)]
            yield configuration, cells


def _means(result: Result) -> Iterable[tuple[Configuration, list[Any]]]:
    for configuration, averages in result.averages.items():
        for level, name, mean in _levels(averages):
            yield configuration, [level, name, *(round(value, 4) for value in astuple(mean))]


def _levels(averages: Averages) -> Iterator[tuple[str, str, Mean]]:
    """Level, name and mean of everything that is averaged."""
    yield "all", ALL, averages.all
    for level, means in (
        ("row", averages.paper_rows),
        ("dataset", averages.datasets),
        ("task", averages.tasks),
        ("label", averages.labels),
    ):
        for name, mean in means.items():
            yield level, name, mean


def _summary(config: EvaluateConfig, result: Result) -> dict[str, Any]:
    paths: dict[str, Any] = {name: list(map(str, getattr(config, name))) for name in ("weights", "stores")}
    paths |= {"out": str(config.out), "supports": config.supports and str(config.supports)}
    return {
        "configurations": [{**asdict(name), **_averages(found)} for name, found in result.averages.items()],
        "compared_with_the_first": [{**asdict(name), **asdict(found)} for name, found in result.comparisons.items()],
        "weights_sha256": dict(result.digests),
        "queries": len(result.queries),
        "empty_ground_truths": result.empty,
        "left_out": list(result.left_out),
        "roles": dict(result.roles),
        "image_size": result.size,
        "config": {**asdict(config), **paths},
        "versions": {"universeg": universeg.__version__, "torch": torch.__version__},
    }


def _averages(found: Averages) -> dict[str, Any]:
    parts = {"rows": found.paper_rows, "datasets": found.datasets, "tasks": found.tasks, "labels": found.labels}
    named = {part: {name: asdict(mean) for name, mean in means.items()} for part, means in parts.items()}
    return {"all": asdict(found.all), **named}


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[tuple[Configuration, list[Any]]]) -> None:
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*CONFIGURATION_COLUMNS, *columns])
        for configuration, cells in rows:
            writer.writerow([configuration.weights, configuration.support_size, configuration.ensemble, *cells])


def _write_figure(path: Path, figure: Figure) -> None:
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")

"""What an evaluation leaves in its folder: tables, every score, and pictures."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

import universeg
from universeg.base.atomic_write import atomic_write
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.pictures import drawn
from universeg.evaluation.plots import against_support_size, boxes
from universeg.evaluation.scorer import weights_digest
from universeg.evaluation.tables import Result, levels, markdown

CONFIGURATION = ["weights", "support_size", "ensemble"]


def write_report(config: EvaluateConfig, result: Result) -> None:
    """Write every file into the folder of the config."""
    out = config.out
    _write_csv(out / "results.csv", ["dataset", "group", "modality", "label", "axis", "query", "dice"], _scores(result))
    _write_csv(out / "summary.csv", ["level", "name", "dice", "deviation"], _means(result))
    _write(out / "summary.json", json.dumps(_summary(config, result), indent=2) + "\n")
    _write(out / "summary.md", markdown(config, result))
    _write_figure(out / "boxes.png", boxes(result))
    if len(config.support_size) > 1:
        _write_figure(out / "support_size.png", against_support_size(result))
    if result.examples:
        picture = drawn(result.examples)
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
        for level, name, mean in levels(averages):
            yield configuration, [level, name, round(mean.dice, 4), round(mean.deviation, 4)]


def _summary(config: EvaluateConfig, result: Result) -> dict[str, Any]:
    paths = {"weights": list(map(str, config.weights)), "stores": list(map(str, config.stores)), "out": str(config.out)}
    return {
        "configurations": [{**asdict(name), **_averages(result, name)} for name in result.averages],
        "weights_sha256": {str(path): weights_digest(path) for path in config.weights},
        "queries": len(result.queries),
        "empty_truths": result.empty,
        "left_out": list(result.left_out),
        "roles": dict(result.roles),
        "image_size": result.size,
        "config": {**asdict(config), **paths},
        "versions": {"universeg": universeg.__version__, "torch": torch.__version__},
    }


def _averages(result: Result, configuration: Configuration) -> dict[str, Any]:
    found = result.averages[configuration]
    parts = {"rows": found.rows, "datasets": found.datasets, "tasks": found.tasks, "labels": found.labels}
    named = {part: {name: asdict(mean) for name, mean in means.items()} for part, means in parts.items()}
    return {"all": asdict(found.all), **named}


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[tuple[Configuration, list[Any]]]) -> None:
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*CONFIGURATION, *columns])
        for configuration, cells in rows:
            writer.writerow([configuration.weights, configuration.support_size, configuration.ensemble, *cells])


def _write_figure(path: Path, figure: Figure) -> None:
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=120)


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")

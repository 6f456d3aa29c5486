"""What an evaluation leaves: a table on the terminal, results.csv, summary.json, summary.md and pictures.png."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import universeg
from universeg.episode import HELD_OUT
from universeg.evaluation_config import EvaluateConfig
from universeg.files import written_whole
from universeg.metrics import Averages, Mean, Score, task_name
from universeg.picture import Panel, sheet

MOST_ROWS = 100  # of pictures.png: one sheet of more tasks than this cannot be opened everywhere

ALL = "all datasets"


@dataclass(frozen=True)
class Result:
    """Every score, its averages, and pictures of some queries."""

    scores: Sequence[Score]
    averages: Averages
    roles: Mapping[str, str]  # of each dataset: "held-out", or "train"
    left_out: Sequence[str]  # tasks without test queries or support
    size: int  # pixels of a side
    pictures: Sequence[Sequence[Panel]]  # one row for each task


def write_report(config: EvaluateConfig, result: Result) -> None:
    """Write the four files into the folder of the config."""
    out = config.out
    with written_whole(out / "results.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["dataset", "group", "modality", "label", "axis", "query", "dice"])
        for score in result.scores:
            task = score.task
            writer.writerow(
                [task.dataset, task.group, task.modality, task.label, task.axis, score.query, round(score.dice, 4)]
            )
    _write(out / "summary.json", json.dumps(_summary(config, result), indent=2) + "\n")
    _write(out / "summary.md", _markdown(config, result))
    rows = [row for row in result.pictures if row]
    if rows:
        more = f": {MOST_ROWS} of {len(rows)} tasks" if len(rows) > MOST_ROWS else ""
        picture = sheet(rows[:MOST_ROWS], f"Queries from the worst to the best{more}", ["truth", "prediction"])
        with written_whole(out / "pictures.png") as part:
            picture.save(part, format="PNG")


def show(config: EvaluateConfig, result: Result) -> None:
    """The table of datasets and tasks, and the remarks, on the terminal."""
    table = Table("", "Dice", "± sd", "labels", "queries")
    for name, cells in _rows(result):
        table.add_row(escape(name), *cells, style="" if "/" in name else "bold")
    console = Console()
    console.print(_protocol(config), markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    for line in [*_remarks(result), f"written to {config.out}"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _rows(result: Result) -> list[tuple[str, list[str]]]:
    """Name and cells of all together, and of each dataset with its tasks."""
    found = result.averages
    rows = [(ALL, found.all)]
    for dataset, mean in found.datasets.items():
        rows.append((dataset, mean))
        rows += [(task, value) for task, value in found.tasks.items() if task.startswith(f"{dataset}/")]
    return [(name, _cells(name, mean, result.scores)) for name, mean in rows]


def _cells(name: str, mean: Mean, scores: Sequence[Score]) -> list[str]:
    inside = [score for score in scores if name in (ALL, score.task.dataset, task_name(score.task))]
    labels = {score.task.key for score in inside}
    return [f"{mean.dice:.1f}", f"{mean.deviation:.1f}", str(len(labels)), str(len(inside))]


def _protocol(config: EvaluateConfig) -> str:
    return f"Dice of {config.weights}: support size {config.support_size}, ensemble of {config.ensemble}"


def _remarks(result: Result) -> list[str]:
    """What a reader of the table must know."""
    seen = sorted(name for name, role in result.roles.items() if role != HELD_OUT)
    lines = [f"not held out, training may have seen them: {', '.join(seen)}"] if seen else []
    if result.left_out:
        lines.append(f"left out, without middle slices for test or support: {', '.join(result.left_out)}")
    return lines


def _summary(config: EvaluateConfig, result: Result) -> dict[str, Any]:
    plain = {**asdict(config), "stores": [str(path) for path in config.stores]}
    return {
        "dice": asdict(result.averages.all),
        "datasets": {name: asdict(mean) for name, mean in result.averages.datasets.items()},
        "tasks": {name: asdict(mean) for name, mean in result.averages.tasks.items()},
        "labels": {name: asdict(mean) for name, mean in result.averages.labels.items()},
        "queries": len(result.scores),
        "left_out": list(result.left_out),
        "roles": dict(result.roles),
        "image_size": result.size,
        "weights_sha256": hashlib.sha256(config.weights.read_bytes()).hexdigest(),
        "config": {**plain, "weights": str(config.weights), "out": str(config.out)},
        "versions": {"universeg": universeg.__version__, "torch": torch.__version__},
    }


def _markdown(config: EvaluateConfig, result: Result) -> str:
    lines = [
        f"# {_protocol(config)}",
        "",
        "| | Dice | ± sd | labels | queries |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, cells in _rows(result):
        lines.append("| " + " | ".join([name if "/" in name else f"**{name}**", *cells]) + " |")
    draws = f"The standard deviation is that over {config.bootstraps} draws of subjects with replacement."
    return "\n".join([*lines, "", draws, *_remarks(result)]) + "\n"


def _write(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")

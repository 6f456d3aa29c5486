"""Read what the steps of experiments wrote, and average it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from universeg.episodes.dice import Mean, Score, averages
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.scores import NetworkScores, by_row
from universeg.experiments.steps import step_file
from universeg.experiments.tables import Number

ALL = "All"  # the column of the mean over all datasets


def read_step(path: Path) -> dict[str, Any]:
    """The content of a file that a step wrote."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def scores_of(config: ExperimentConfig, name: str) -> NetworkScores:
    """The scores of a network."""
    return NetworkScores.of(read_step(step_file(config, f"scores/{name}")))


def means_of(config: ExperimentConfig, scores: Sequence[Score], rows: Mapping[str, str]) -> dict[str, Number]:
    """The mean of each dataset, as the paper counts datasets, and of all, with bootstrap standard deviations."""
    found = averages(scores, config.numbers.bootstraps, config.seed, rows)
    return {row: _number(mean) for row, mean in by_row(found, rows).items()} | {ALL: _number(found.all)}


def _number(mean: Mean) -> Number:
    return Number(mean.dice, mean.standard_deviation)

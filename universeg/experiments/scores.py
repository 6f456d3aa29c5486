"""The scores of one network by the paper's protocol, at its own support size: the cells of all grids."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from universeg.episodes.dice import Averages, Mean, Score
from universeg.episodes.levers import Levers
from universeg.evaluation.baselines import segmenter
from universeg.evaluation.cli import evaluate
from universeg.evaluation.config import EvaluateConfig
from universeg.experiments.catalogue import PAPER_ENSEMBLE
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.networks import networks
from universeg.store import Store, Task

TIMED = 5  # predictions, after one to warm up
SIDE = 128  # pixels of the images that are timed


def score_network(config: ExperimentConfig, name: str, weights: Path) -> dict[str, Any]:
    """The Dice of every query for K = 1 and the scale's ensemble, and the network's size, runtime and tasks."""
    scale, spec = config.numbers, networks()[name]
    size = scale.support_size(spec.support_size)
    result = evaluate(
        EvaluateConfig(
            weights=(weights,), stores=config.stores, out=config.out / "scores" / name, datasets=config.datasets,
            tasks=config.tasks, support_size=(size,), ensemble=(1, scale.ensemble), bootstraps=0, pictures=0,
            queries=scale.queries, levers=Levers(size=scale.size), seed=config.seed, device=config.device,
            quiet=config.quiet,
        )
    )  # fmt: skip
    return {
        "network": name,
        "support_size": size,
        "rows": dict(result.paper_rows),
        "scores": {
            str(each.ensemble): [[score.task.key, score.query, score.dice] for score in found]
            for each, found in result.scores.items()
        },
        **_cost(config, weights, size),
        **_training_data(config, name),
    }


def _cost(config: ExperimentConfig, weights: Path, size: int) -> dict[str, Any]:
    """Parameters, and milliseconds of one prediction at 128 pixels with `size` examples, mean and deviation."""
    network = segmenter(weights).to(config.compute.device).eval()
    device = config.compute.device
    query, images = torch.zeros(1, 1, SIDE, SIDE, device=device), torch.zeros(1, size, 1, SIDE, SIDE, device=device)
    times = list[float]()
    with torch.inference_mode():
        for _ in range(TIMED + 1):
            began = perf_counter()
            network(query, images, images)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(1000 * (perf_counter() - began))
    mean, deviation = float(np.mean(times[1:])), float(np.std(times[1:]))
    parameters = sum(each.numel() for each in network.parameters())
    return {"parameters": parameters, "milliseconds": [mean, deviation], "timed_on": str(device)}


def _training_data(config: ExperimentConfig, name: str) -> dict[str, Any]:
    """The datasets that the network trains on, and how many tasks they have; empty if it was not trained here."""
    if name in config.given_weights():
        return {}
    stores = config.task_stores
    datasets = networks()[name].training_datasets(stores)
    return {"datasets": datasets, "tasks": sum(len(stores.by_dataset[each].tasks) for each in datasets)}


def by_row(found: Averages, rows: Mapping[str, str]) -> dict[str, Mean]:
    """The mean of each row of the paper's tables; `rows` has the row of each dataset."""
    several = found.paper_rows
    return {row: several.get(row) or found.datasets[dataset] for dataset, row in sorted(rows.items())}


def row_of(store: Store) -> str:
    """The row of a dataset in the paper's tables."""
    return str(store.header.get("row", store.header["dataset"]))


@dataclass(frozen=True)
class NetworkScores:
    """What `score_network` wrote, as values."""

    scores: dict[int, list[Score]]  # by ensemble size
    rows: dict[str, str]  # of each dataset: its row in the paper's tables
    content: dict[str, Any]

    @classmethod
    def of(cls, content: dict[str, Any]) -> "NetworkScores":
        found = {
            int(ensemble): [Score(Task.parse(task), query, dice) for task, query, dice in values]
            for ensemble, values in content["scores"].items()
        }
        return cls(found, content["rows"], content)

    def at(self, paper_ensemble: int) -> list[Score]:
        """The scores with one prediction, or with the ensemble in place of the paper's."""
        return self.scores[max(self.scores) if paper_ensemble == PAPER_ENSEMBLE else 1]
